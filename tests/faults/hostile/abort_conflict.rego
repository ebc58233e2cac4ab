# One rule with two values.
package sigstore

isCompliant = true { true }

isCompliant = false { true }
