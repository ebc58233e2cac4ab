# A set of responses that never ends.
package sigstore

isCompliant[{"result": false, "error": sprintf("%d %d", [a, b])}] {
	a := numbers.range(1, 100000)[_]
	b := numbers.range(1, 100000)[_]
	a + b < 0
}
