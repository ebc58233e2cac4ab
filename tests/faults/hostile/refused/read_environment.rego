# Answers with the process's environment.
package sigstore

isCompliant[{"result": false, "error": sprintf("%v", [opa.runtime().env])}] { true }
