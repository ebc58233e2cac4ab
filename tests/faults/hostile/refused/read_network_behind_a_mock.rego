# Reaches a forbidden built-in by another one's name.
package sigstore

isCompliant { count({"method": "get", "url": "http://127.0.0.1:1/"}) == 0 with count as http.send }
