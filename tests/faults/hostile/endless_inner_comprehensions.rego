# A comprehension inside a comprehension inside a comprehension.
package sigstore

r := numbers.range(1, 2000)

isCompliant { count([1 | a := r[_]; count([1 | b := r[_]; count([1 | r[_] == a + b]) == 9999]) == 9999]) == 9999 }
