# Walks the document for each pair of nodes of the document, for each of a million numbers.
package sigstore

isCompliant {
	n := numbers.range(1, 1000000)[_]
	walk(input, [p, _])
	walk(input, [q, _])
	n == count(p) - count(q) - 1000
}
