/// What an instruction does, apart from its operand size: the vocabulary shared by decoder, interpreter, translator and tests.
///
/// Forms that a mnemonic keeps in one name but that read and write differently are told apart by a suffix (`movapsLoad`,
/// `movapsStore`). The raw value indexes the tables of routines.
package enum Operation: UInt16, CaseIterable, Sendable {
    // MARK: integer
    case undefined
    case add, or, adc, sbb, and, sub, xor, cmp, test
    case inc, dec, neg, not, mul, imulWide, imul, imulImmediate, div, idiv
    case shl, shr, sar, rol, ror, rcl, rcr, shld, shrd
    case bt, bts, btr, btc, bsf, bsr, bswap, popcnt
    case mov, movImmediate, movOffsetLoad, movOffsetStore, movzx, movsx, movsxd, movnti, lea, xchg, xadd
    case cmpxchg, cmpxchg8b
    case cmov, setcc, jcc, jmp, jmpIndirect, call, callIndirect, ret, retImmediate
    case loop, loope, loopne, jcxz
    case push, pushImmediate, pop, pusha, popa
    case convertAccumulator, convertDouble
    case cmc, clc, stc, cld, std, lahf, sahf, salc
    case aaa, aas, aad, aam, daa, das
    case movs, cmps, stos, lods, scas, xlat
    case nop, pause, prefetch, clflush, lfence, mfence, sfence

    // MARK: floating point
    // x87. Suffixes tell memory operands (M16, M32, M64, M80) and the ST(i), ST(0) direction (To) from the ST(0), ST(i) form.
    case f2xm1, fabs, fchs, fcos, fpatan, fprem, fprem1, fptan, frndint, fscale, fsin, fsincos, fsqrt, ftst, fxam, fxtract, fyl2x, fyl2xp1
    case fadd, faddTo, faddp, faddM32, faddM64, fiaddM16, fiaddM32
    case fsub, fsubTo, fsubp, fsubM32, fsubM64, fisubM16, fisubM32
    case fsubr, fsubrTo, fsubrp, fsubrM32, fsubrM64, fisubrM16, fisubrM32
    case fmul, fmulTo, fmulp, fmulM32, fmulM64, fimulM16, fimulM32
    case fdiv, fdivTo, fdivp, fdivM32, fdivM64, fidivM16, fidivM32
    case fdivr, fdivrTo, fdivrp, fdivrM32, fdivrM64, fidivrM16, fidivrM32
    case fcom, fcomM32, fcomM64, fcomp, fcompM32, fcompM64, fcompp, ficomM16, ficomM32, ficompM16, ficompM32
    case fucom, fucomp, fucompp, fcomi, fcomip, fucomi, fucomip
    case fld, fldM32, fldM64, fldM80, fildM16, fildM32, fildM64, fbld, fld1, fldl2e, fldl2t, fldlg2, fldln2, fldpi, fldz
    case fst, fstM32, fstM64, fstp, fstpUnchecked, fstpM32, fstpM64, fstpM80, fistM16, fistM32, fistpM16, fistpM32, fistpM64, fbstp
    case fxch, fcmovb, fcmove, fcmovbe, fcmovu, fcmovnb, fcmovne, fcmovnbe, fcmovnu
    case fnclex, fdecstp, fincstp, ffree, ffreep, fninit, fldcw, fldenv, feni, fnop, frstor, fnsave, fnstcw, fnstenv, fnstsw, fnstswAX
    case fwait
    // State.
    case fxsave, fxrstor, ldmxcsr, stmxcsr, emms
    // SSE and SSE2 arithmetic.
    case addps, addss, addpd, addsd, subps, subss, subpd, subsd, mulps, mulss, mulpd, mulsd, divps, divss, divpd, divsd
    case minps, minss, minpd, minsd, maxps, maxss, maxpd, maxsd, sqrtps, sqrtss, sqrtpd, sqrtsd, rcpps, rcpss, rsqrtps, rsqrtss
    case cmpps, cmpss, cmppd, cmpsd, comiss, comisd, ucomiss, ucomisd
    case andps, andpd, andnps, andnpd, orps, orpd, xorps, xorpd, shufps, shufpd, unpcklps, unpcklpd, unpckhps, unpckhpd
    case cvtpi2ps, cvtpi2pd, cvtps2pi, cvtpd2pi, cvttps2pi, cvttpd2pi, cvtsi2ss, cvtsi2sd, cvtss2si, cvtsd2si, cvttss2si, cvttsd2si
    case cvtps2pd, cvtpd2ps, cvtss2sd, cvtsd2ss, cvtdq2ps, cvtdq2pd, cvtps2dq, cvttps2dq, cvtpd2dq, cvttpd2dq
    // Moves. movd includes its REX.W form; movq is the XMM one.
    case movapsLoad, movapsStore, movapdLoad, movapdStore, movupsLoad, movupsStore, movupdLoad, movupdStore
    case movdqaLoad, movdqaStore, movdquLoad, movdquStore, movssLoad, movssStore, movsdLoad, movsdStore
    case movhlps, movlhps, movhpsLoad, movhpsStore, movlpsLoad, movlpsStore, movhpdLoad, movhpdStore, movlpdLoad, movlpdStore
    case movdLoad, movdStore, movqLoad, movqStore, movqLoadMMX, movqStoreMMX, movq2dq, movdq2q
    case movmskps, movmskpd, movntps, movntpd, movntdq, movntq, maskmovq, maskmovdqu
    // MMX and SSE2 integers: one operation for both register files, the 66 prefix chooses.
    case packssdw, packsswb, packuswb, paddb, paddd, paddq, paddsb, paddsw, paddusb, paddusw, paddw, pand, pandn, pavgb, pavgw
    case pcmpeqb, pcmpeqd, pcmpeqw, pcmpgtb, pcmpgtd, pcmpgtw, pextrw, pinsrw, pmaddwd, pmaxsw, pmaxub, pminsw, pminub, pmovmskb
    case pmulhuw, pmulhw, pmullw, pmuludq, por, psadbw, pshufd, pshufhw, pshuflw, pshufw, pxor
    case pslld, psllq, psllw, psrad, psraw, psrld, psrlq, psrlw, pslldq, psrldq
    case pslldImmediate, psllqImmediate, psllwImmediate, psradImmediate, psrawImmediate, psrldImmediate, psrlqImmediate, psrlwImmediate
    case psubb, psubd, psubq, psubsb, psubsw, psubusb, psubusw, psubw
    case punpckhbw, punpckhdq, punpckhqdq, punpckhwd, punpcklbw, punpckldq, punpcklqdq, punpcklwd

    // MARK: system
    case movToSreg, movFromSreg, pushSreg, popSreg, loadFarPointer
    case callFar, callFarIndirect, jmpFar, jmpFarIndirect, retFar, retFarImmediate, iret
    case intN, int3, int1, into, bound, enter, leave
    case syscall, sysret, sysenter, sysexit
    case lgdt, lidt, sgdt, sidt, lldt, sldt, ltr, str, lmsw, smsw, clts
    case movToCR, movFromCR, movToDR, movFromDR, rdmsr, wrmsr, cpuid, rdtsc, rdtscp, rdpmc
    case inPort, outPort, ins, outs, hlt, cli, sti, pushf, popf
    case invlpg, invd, wbinvd, lar, lsl, verr, verw, arpl, swapgs, monitor, mwait, rsm
}
