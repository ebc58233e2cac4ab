# An array of 1,000,000,000 numbers.
package sigstore

isCompliant { count(numbers.range(1, 1000000000)) == 1 }
