# A loop over 10,000,000,000 pairs of numbers.
package sigstore

isCompliant { count([1 | numbers.range(1, 100000)[_] + numbers.range(1, 100000)[_] == 3]) == 1 }
