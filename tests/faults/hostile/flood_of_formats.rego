# Nine levels of formatting: a message of two and a half million characters.
package sigstore

t0 := "0123456789"
t1 := sprintf("%s%s%s%s", [t0, t0, t0, t0])
t2 := sprintf("%s%s%s%s", [t1, t1, t1, t1])
t3 := sprintf("%s%s%s%s", [t2, t2, t2, t2])
t4 := sprintf("%s%s%s%s", [t3, t3, t3, t3])
t5 := sprintf("%s%s%s%s", [t4, t4, t4, t4])
t6 := sprintf("%s%s%s%s", [t5, t5, t5, t5])
t7 := sprintf("%s%s%s%s", [t6, t6, t6, t6])
t8 := sprintf("%s%s%s%s", [t7, t7, t7, t7])
t9 := sprintf("%s%s%s%s", [t8, t8, t8, t8])

isCompliant[{"result": false, "error": t9}] { true }
