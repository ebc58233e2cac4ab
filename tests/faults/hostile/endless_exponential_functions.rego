# Forty functions, each of which calls the next one twice.
package sigstore

f0(x) = y { y := x + 1 }
f1(x) = y { y := f0(x) + f0(x + 1) }
f2(x) = y { y := f1(x) + f1(x + 1) }
f3(x) = y { y := f2(x) + f2(x + 1) }
f4(x) = y { y := f3(x) + f3(x + 1) }
f5(x) = y { y := f4(x) + f4(x + 1) }
f6(x) = y { y := f5(x) + f5(x + 1) }
f7(x) = y { y := f6(x) + f6(x + 1) }
f8(x) = y { y := f7(x) + f7(x + 1) }
f9(x) = y { y := f8(x) + f8(x + 1) }
f10(x) = y { y := f9(x) + f9(x + 1) }
f11(x) = y { y := f10(x) + f10(x + 1) }
f12(x) = y { y := f11(x) + f11(x + 1) }
f13(x) = y { y := f12(x) + f12(x + 1) }
f14(x) = y { y := f13(x) + f13(x + 1) }
f15(x) = y { y := f14(x) + f14(x + 1) }
f16(x) = y { y := f15(x) + f15(x + 1) }
f17(x) = y { y := f16(x) + f16(x + 1) }
f18(x) = y { y := f17(x) + f17(x + 1) }
f19(x) = y { y := f18(x) + f18(x + 1) }
f20(x) = y { y := f19(x) + f19(x + 1) }
f21(x) = y { y := f20(x) + f20(x + 1) }
f22(x) = y { y := f21(x) + f21(x + 1) }
f23(x) = y { y := f22(x) + f22(x + 1) }
f24(x) = y { y := f23(x) + f23(x + 1) }
f25(x) = y { y := f24(x) + f24(x + 1) }
f26(x) = y { y := f25(x) + f25(x + 1) }
f27(x) = y { y := f26(x) + f26(x + 1) }
f28(x) = y { y := f27(x) + f27(x + 1) }
f29(x) = y { y := f28(x) + f28(x + 1) }
f30(x) = y { y := f29(x) + f29(x + 1) }
f31(x) = y { y := f30(x) + f30(x + 1) }
f32(x) = y { y := f31(x) + f31(x + 1) }
f33(x) = y { y := f32(x) + f32(x + 1) }
f34(x) = y { y := f33(x) + f33(x + 1) }
f35(x) = y { y := f34(x) + f34(x + 1) }
f36(x) = y { y := f35(x) + f35(x + 1) }
f37(x) = y { y := f36(x) + f36(x + 1) }
f38(x) = y { y := f37(x) + f37(x + 1) }
f39(x) = y { y := f38(x) + f38(x + 1) }
f40(x) = y { y := f39(x) + f39(x + 1) }

isCompliant { f40(1) > 0 }
