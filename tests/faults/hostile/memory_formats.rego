# Twenty levels of formatting, each four times as long as the one before.
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
t10 := sprintf("%s%s%s%s", [t9, t9, t9, t9])
t11 := sprintf("%s%s%s%s", [t10, t10, t10, t10])
t12 := sprintf("%s%s%s%s", [t11, t11, t11, t11])
t13 := sprintf("%s%s%s%s", [t12, t12, t12, t12])
t14 := sprintf("%s%s%s%s", [t13, t13, t13, t13])
t15 := sprintf("%s%s%s%s", [t14, t14, t14, t14])
t16 := sprintf("%s%s%s%s", [t15, t15, t15, t15])
t17 := sprintf("%s%s%s%s", [t16, t16, t16, t16])
t18 := sprintf("%s%s%s%s", [t17, t17, t17, t17])
t19 := sprintf("%s%s%s%s", [t18, t18, t18, t18])
t20 := sprintf("%s%s%s%s", [t19, t19, t19, t19])

isCompliant[{"result": false, "error": t20}] { true }
