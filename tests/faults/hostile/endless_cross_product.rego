# Seven loops over the same hundred numbers, one inside the other.
package sigstore

hundred := numbers.range(1, 100)

isCompliant {
	hundred[_] + hundred[_] + hundred[_] + hundred[_] + hundred[_] + hundred[_] + hundred[_] == 0
}
