# Prints for ever.
package sigstore

isCompliant { count([1 | numbers.range(1, 100000)[a]; numbers.range(1, 1000000)[b]; print(a, b)]) == 0 }
