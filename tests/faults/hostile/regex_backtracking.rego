# Nested quantifiers on long text, a thousand times: exponential where an engine backtracks.
package sigstore

text := concat("", [c | numbers.range(1, 100000)[_]; c := "a"])

isCompliant { count([1 | n := numbers.range(1, 100000)[_]; regex.match("^(([a-z])+.)+[A-Z]([a-z])+$", sprintf("%s%d", [text, n]))]) == 1 }
