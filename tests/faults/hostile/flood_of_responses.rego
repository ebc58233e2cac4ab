# A million responses.
package sigstore

isCompliant[{"result": false, "error": sprintf("response %d of many, many, many", [n])}] { n := numbers.range(1, 200000)[_] }
