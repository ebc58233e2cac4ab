# Many stars against a long name, for ever.
package sigstore

name := concat("", [c | numbers.range(1, 5000)[_]; c := "a"])

isCompliant { count([1 | n := numbers.range(1, 1000000)[_]; glob.match("*a*a*a*a*a*a*a*a*a*a*b", [], sprintf("%s%d", [name, n]))]) == 1 }
