# A function that calls itself: overflows the stack of an engine that lets it.
package sigstore

f(x) = y { y := f(x + 1) }

isCompliant { f(1) == 1 }
