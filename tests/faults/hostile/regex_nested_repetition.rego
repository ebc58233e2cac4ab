# A regular expression whose automaton has 10,000,000,000 states.
package sigstore

isCompliant { regex.match("((((a{100}){100}){100}){100}){100}", "aaaaaaaaaaaaaaaaaaaaaaaa") }
