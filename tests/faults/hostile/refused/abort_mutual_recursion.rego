# Two rules that need each other.
package sigstore

p { q }

q { not p }

isCompliant { p }
