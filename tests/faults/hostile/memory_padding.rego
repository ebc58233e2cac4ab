# A format that pads one number to two billion characters.
package sigstore

isCompliant { count(sprintf("%2000000000d", [1])) == 1 }
