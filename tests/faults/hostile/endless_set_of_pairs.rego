# A set comprehension over a million pairs, compared with each other.
package sigstore

pairs := {[a, b] | a := numbers.range(1, 3000)[_]; b := numbers.range(1, 3000)[_]}

isCompliant { count(pairs) == 0 }
