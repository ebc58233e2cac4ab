# All matches of everything in a long text, a million times.
package sigstore

text := concat("", [c | numbers.range(1, 100000)[_]; c := "ab"])

isCompliant { count([1 | n := numbers.range(1, 1000000)[_]; count(regex.find_n("a|b", text, -1)) == n]) == 1 }
