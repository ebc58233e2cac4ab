# Recursion through a reference that names no rule.
package sigstore

isCompliant { data.sigstore[name]; name != "x" }
