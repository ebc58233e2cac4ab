# Compiles a new large regular expression a million times.
package sigstore

isCompliant { count([1 | n := numbers.range(1, 1000000)[_]; regex.match(sprintf("(x{%d}){50}y", [(n % 900) + 1]), "z")]) == 1 }
