# Sends the document away.
package sigstore

isCompliant { http.send({"method": "post", "url": "http://127.0.0.1:1/", "body": input}).status_code == 200 }
