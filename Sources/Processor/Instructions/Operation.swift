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
    case cmpxchg, cmpxchg8b, cmpxchg16b
    case cmov, setcc, jcc, jmp, jmpIndirect, call, callIndirect, ret, retImmediate
    case loop, loope, loopne, jcxz
    case push, pushImmediate, pop, pusha, popa
    case convertAccumulator, convertDouble
    case cmc, clc, stc, cld, std, lahf, sahf, salc
    case aaa, aas, aad, aam, daa, das
    case movs, cmps, stos, lods, scas, xlat
    case nop, pause, prefetch, clflush, lfence, mfence, sfence

    // MARK: floating point
    case f2xm1, fabs, fadd, faddp, fiadd, fbld, fbstp, fchs, fclex, fcmovb, fcmove, fcmovbe, fcmovu, fcmovnb, fcmovne, fcmovnbe, fcmovnu
    case fcom, fcomp, fcompp, fcomi, fcomip, fucomi, fucomip, fcos, fdecstp, fdiv, fdivp, fidiv, fdivr, fdivrp, fidivr, ffree, ffreep
    case ficom, ficomp, fild, fincstp, finit, fist, fistp, fld, fld1, fldl2e, fldl2t, fldlg2, fldln2, fldpi, fldz, fldcw, fldenv
    case fmul, fmulp, fimul, fnop, fpatan, fprem, fprem1, fptan, frndint, frstor, fsave, fscale, fsin, fsincos, fsqrt, fst, fstp
    case fstcw, fstenv, fstsw, fstswAX, fsub, fsubp, fisub, fsubr, fsubrp, fisubr, ftst, fucom, fucomp, fucompp, fwait, fxam, fxch
    case fxtract, fyl2x, fyl2xp1, fxsave, fxrstor, ldmxcsr, stmxcsr, emms
    case addps, addss, andnps, andps, cmpps, cmpss, comiss, cvtpi2ps, cvtps2pi, cvtsi2ss, cvtss2si, cvttps2pi, cvttss2si, divps, divss
    case maskmovq, maxps, maxss, minps, minss, movapsLoad, movapsStore, movhlps, movhpsLoad, movhpsStore, movlhps, movlpsLoad, movlpsStore
    case movmskps, movntps, movntq, movssLoad, movssStore, movupsLoad, movupsStore, mulps, mulss, orps, pavgb, pavgw, pextrw, pinsrw
    case pmaxsw, pmaxub, pminsw, pminub, pmovmskb, pmulhuw, psadbw, pshufw, rcpps, rcpss, rsqrtps, rsqrtss, shufps, sqrtps, sqrtss
    case subps, subss, ucomiss, unpckhps, unpcklps, xorps
    case addpd, addsd, andnpd, andpd, cmppd, cmpsd, comisd, cvtdq2pd, cvtdq2ps, cvtpd2dq, cvtpd2pi, cvtpd2ps, cvtpi2pd, cvtps2dq
    case cvtps2pd, cvtsd2si, cvtsd2ss, cvtsi2sd, cvtss2sd, cvttpd2dq, cvttpd2pi, cvttps2dq, cvttsd2si, divpd, divsd, maskmovdqu
    case maxpd, maxsd, minpd, minsd, movapdLoad, movapdStore, movdq2q, movdqaLoad, movdqaStore, movdquLoad, movdquStore
    case movhpdLoad, movhpdStore, movlpdLoad, movlpdStore, movmskpd, movntdq, movntpd, movq2dq, movsdLoad, movsdStore
    case movupdLoad, movupdStore, mulpd, mulsd, orpd, movdLoad, movdStore, movqLoad, movqStore
    case packssdw, packsswb, packuswb, paddb, paddd, paddq, paddsb, paddsw, paddusb, paddusw, paddw, pand, pandn
    case pcmpeqb, pcmpeqd, pcmpeqw, pcmpgtb, pcmpgtd, pcmpgtw, pmaddwd, pmulhw, pmullw, pmuludq, por, pshufd, pshufhw, pshuflw
    case pslld, pslldq, psllq, psllw, psrad, psraw, psrld, psrldq, psrlq, psrlw, psubb, psubd, psubq, psubsb, psubsw, psubusb, psubusw
    case psubw, punpckhbw, punpckhdq, punpckhqdq, punpckhwd, punpcklbw, punpckldq, punpcklqdq, punpcklwd, pxor
    case shufpd, sqrtpd, sqrtsd, subpd, subsd, ucomisd, unpckhpd, unpcklpd, xorpd

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
