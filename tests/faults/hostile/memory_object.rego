# An object of a hundred million keys.
package sigstore

isCompliant { count({sprintf("%d", [n]): n | n := numbers.range(1, 100000000)[_]}) == 1 }
