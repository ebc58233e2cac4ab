# Replaces each character by many, again and again.
package sigstore

r0 := "aaaaaaaaaa"
r1 := replace(r0, "a", "aaaaaaaaaa")
r2 := replace(r1, "a", "aaaaaaaaaa")
r3 := replace(r2, "a", "aaaaaaaaaa")
r4 := replace(r3, "a", "aaaaaaaaaa")
r5 := replace(r4, "a", "aaaaaaaaaa")
r6 := replace(r5, "a", "aaaaaaaaaa")
r7 := replace(r6, "a", "aaaaaaaaaa")
r8 := replace(r7, "a", "aaaaaaaaaa")
r9 := replace(r8, "a", "aaaaaaaaaa")
r10 := replace(r9, "a", "aaaaaaaaaa")
r11 := replace(r10, "a", "aaaaaaaaaa")
r12 := replace(r11, "a", "aaaaaaaaaa")

isCompliant { r12 != "" }
