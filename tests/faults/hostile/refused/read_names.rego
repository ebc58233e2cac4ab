# Sends the document away by name resolution.
package sigstore

isCompliant { count(net.lookup_ip_addr(sprintf("%s.example.com", [input.metadata.name]))) > 0 }
