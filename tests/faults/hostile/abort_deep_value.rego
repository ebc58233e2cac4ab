# Builds a value two hundred thousand levels deep, by parsing.
package sigstore

open := concat("", [c | numbers.range(1, 200000)[_]; c := "["])

close := concat("", [c | numbers.range(1, 200000)[_]; c := "]"])

isCompliant { json.unmarshal(concat("", [open, close])) == [] }
