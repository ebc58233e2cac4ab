# `every` over every.
package sigstore

import rego.v1

isCompliant if {
	every a in numbers.range(1, 100000) {
		every b in numbers.range(1, 100000) {
			a + b > 0
		}
	}
}
