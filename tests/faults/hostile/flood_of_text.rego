# One message of many megabytes.
package sigstore

isCompliant[{"result": false, "error": text}] { text := concat("", [c | numbers.range(1, 300000)[_]; c := "0123456789"]) }
