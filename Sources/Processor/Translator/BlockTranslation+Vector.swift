import CHost

/// SSE and SSE2: one host instruction for one of the guest's, on the registers of the same number. x87 and MMX are left to their routines.
///
/// Arithmetic runs under the guest's MXCSR while all its exceptions are masked: then the host's flags are the guest's. The host has no
/// scratch register for vectors and needs none.
extension BlockTranslation {
    /// How an instruction's operands are used.
    private struct Shape {
        enum Operand { case vector, general }
        /// ModRM.reg: its kind, and whether it is read and written.
        var reg = Operand.vector
        var readsReg = true, writesReg = true
        /// ModRM.rm of the register form.
        var rm = Operand.vector
        var writesRM = false
        /// Bytes in memory; 0: there is no memory form.
        var bytes = 16
        var aligned = false
        /// 1: no arithmetic; 2: arithmetic under MXCSR.
        var level = 1
        /// EFLAGS are set as by a comparison of scalars.
        var setsFlags = false
        /// ModRM.reg is part of the opcode.
        var isDigit = false
    }

    /// What `native_vector` must be for an instruction; 0: it is left to its routine.
    func vectorLevel(of operation: Operation, _ op: UnsafeMutablePointer<lv_uop>) -> Int { shape(operation, op)?.level ?? 0 }

    mutating func vector(_ op: UnsafeMutablePointer<lv_uop>, _ operation: Operation) -> Bool {
        guard let shape = shape(operation, op) else { return false }
        let inMemory = op.pointee.flags & UInt16(LV_UOP_MEMORY) != 0
        guard !inMemory || shape.bytes > 0, let encoding = Encoding(code + Int(op.pointee.rip_offset), length: Int(op.pointee.length))
        else {
            return false
        }
        let first = stubCount
        ensureLevel(op)
        let (a1, b1) = (Int(op.pointee.a & 15), Int(op.pointee.b & 15))
        if shape.reg == .general, shape.writesReg { willWrite(a1) }
        if shape.rm == .general, shape.writesRM, !inMemory { willWrite(b1) }
        // Registers that are read must be there before the look-up, so that its stub knows of them.
        if shape.reg == .vector, !shape.isDigit, shape.readsReg { bring(a1) }
        if shape.rm == .vector, !inMemory, !shape.writesRM || shape.isDigit || shape.bytes < 16 { bring(b1) }
        var rm = HostOperand.guest
        if inMemory {
            _ = access(op, bytes: shape.bytes, write: shape.writesRM, aligned: shape.aligned && shape.bytes == 16)
        } else if shape.rm == .vector {
            rm = .register(b1)
        } else if shape.writesRM {
            rm = .register(Self.host(b1) >= 0 ? Self.host(b1) : Host.first)
        } else {
            rm = .register(inRegister(b1, Host.first))
        }
        var reg = a1
        if shape.isDigit { reg = encoding.digit } else if shape.reg == .general { reg = Self.host(a1) >= 0 ? Self.host(a1) : Host.second }
        write(encoding, reg, rm, wide: op.pointee.flags & UInt16(LV_UOP_REX_W) != 0)
        if op.pointee.flags & UInt16(LV_UOP_IMMEDIATE) != 0 { a.byte(Int(op.pointee.immediate)) }
        if shape.reg == .general, shape.writesReg, Self.host(a1) < 0 { a.store(operand(a1), Host.second) }
        if shape.rm == .general, shape.writesRM, !inMemory, Self.host(b1) < 0 { a.store(operand(b1), Host.first) }
        if shape.reg == .vector, !shape.isDigit, shape.writesReg { written(a1) }
        if shape.rm == .vector, shape.writesRM, !inMemory { written(b1) }
        if shape.setsFlags {
            pending.isThere = false
            if isLive { saveHostFlags(.raw) }
            hostFlags = FlagSet.all
        }
        finish(first)
        return true
    }

    /// A vector register's value is needed.
    private mutating func bring(_ number: Int) {
        guard loadedVectors & 1 << UInt32(number) == 0 else { return }
        loadVectors(1 << UInt32(number))
        loadedVectors |= 1 << UInt32(number)
    }

    private mutating func written(_ number: Int) {
        loadedVectors |= 1 << UInt32(number)
        dirtyVectors |= 1 << UInt32(number)
    }

    /// Once in a block: vector instructions may run here, else the routine of this one says why not.
    private mutating func ensureLevel(_ op: UnsafeMutablePointer<lv_uop>) {
        guard vectorLevel < wantedLevel else { return }
        willClobber()
        let start = a.offset
        a.arithmeticImmediate(7, .state(StateLayout.vectorState), wantedLevel, size: 2)
        var stub = NativeStub(kind: .help, jump: a.jump(Assembler.jumpIf(2)))
        fill(&stub, op, kind: NativeRecord.vectors | UInt64(wantedLevel))
        stub.retry = start
        addStub(stub)
        vectorLevel = wantedLevel
    }

    private mutating func write(_ encoding: Encoding, _ reg: Int, _ rm: HostOperand, wide: Bool) {
        if encoding.prefix != 0 { a.byte(encoding.prefix) }
        var rex = wide ? 0x48 : 0x40
        rex |= (reg & 8) >> 1
        if rm.index >= 0 { rex |= Int(rm.index & 8) >> 2 }
        if rm.base >= 0 { rex |= Int(rm.base & 8) >> 3 }
        if rex != 0x40 { a.byte(rex) }
        a.byte(0x0f)
        a.byte(encoding.opcode)
        a.address(reg & 7, rm)
    }

    /// Mandatory prefix and opcode, read from the instruction's bytes.
    private struct Encoding {
        var prefix = 0
        var opcode = 0
        var digit = 0

        /// nil: not an instruction of the two-byte map.
        init?(_ bytes: UnsafePointer<UInt8>, length: Int) {
            var place = 0
            var hasOperandSize = false
            prefixes: while place < length {
                switch bytes[place] {
                case 0xf2, 0xf3: prefix = Int(bytes[place])
                case 0x66: hasOperandSize = true
                case 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x40...0x4f: break
                default: break prefixes
                }
                place += 1
            }
            guard place + 2 < length, bytes[place] == 0x0f else { return nil }
            if prefix == 0, hasOperandSize { prefix = 0x66 }
            opcode = Int(bytes[place + 1])
            digit = Int(bytes[place + 2] >> 3 & 7)
        }
    }

    // MARK: the instructions

    private func shape(_ operation: Operation, _ op: UnsafeMutablePointer<lv_uop>) -> Shape? {
        let has66 = op.pointee.flags & UInt16(LV_UOP_OPERAND66) != 0
        let isWide = op.pointee.flags & UInt16(LV_UOP_REX_W) != 0
        switch operation {
        case .addps, .addpd, .subps, .subpd, .mulps, .mulpd, .divps, .divpd, .minps, .minpd, .maxps, .maxpd, .cmpps, .cmppd:
            return Shape(aligned: true, level: 2)
        case .sqrtps, .sqrtpd, .cvtdq2ps, .cvtps2dq, .cvttps2dq, .cvtpd2ps, .cvtpd2dq, .cvttpd2dq:
            return Shape(readsReg: false, aligned: true, level: 2)
        case .cvtps2pd: return Shape(readsReg: false, bytes: 8, level: 2)
        case .cvtdq2pd: return Shape(readsReg: false, bytes: 8)
        case .addss, .subss, .mulss, .divss, .minss, .maxss, .sqrtss, .cmpss, .cvtss2sd: return Shape(bytes: 4, level: 2)
        case .addsd, .subsd, .mulsd, .divsd, .minsd, .maxsd, .sqrtsd, .cmpsd, .cvtsd2ss: return Shape(bytes: 8, level: 2)
        case .comiss, .ucomiss: return Shape(writesReg: false, bytes: 4, level: 2, setsFlags: true)
        case .comisd, .ucomisd: return Shape(writesReg: false, bytes: 8, level: 2, setsFlags: true)
        case .andps, .andpd, .andnps, .andnpd, .orps, .orpd, .xorps, .xorpd, .unpcklps, .unpcklpd, .unpckhps, .unpckhpd, .shufps, .shufpd:
            return Shape(aligned: true)
        case .cvtsi2ss, .cvtsi2sd: return Shape(rm: .general, bytes: isWide ? 8 : 4, level: 2)
        case .cvtss2si, .cvttss2si: return Shape(reg: .general, readsReg: false, bytes: 4, level: 2)
        case .cvtsd2si, .cvttsd2si: return Shape(reg: .general, readsReg: false, bytes: 8, level: 2)
        case .movapsLoad, .movapdLoad, .movdqaLoad: return Shape(readsReg: false, aligned: true)
        case .movupsLoad, .movupdLoad, .movdquLoad: return Shape(readsReg: false)
        case .movapsStore, .movapdStore, .movdqaStore, .movntps, .movntpd, .movntdq:
            return Shape(writesReg: false, writesRM: true, aligned: true)
        case .movupsStore, .movupdStore, .movdquStore: return Shape(writesReg: false, writesRM: true)
        // Memory clears the rest of the register, a register leaves it.
        case .movssLoad: return Shape(readsReg: op.pointee.flags & UInt16(LV_UOP_MEMORY) == 0, bytes: 4)
        case .movsdLoad: return Shape(readsReg: op.pointee.flags & UInt16(LV_UOP_MEMORY) == 0, bytes: 8)
        case .movssStore: return Shape(writesReg: false, writesRM: true, bytes: 4)
        case .movsdStore: return Shape(writesReg: false, writesRM: true, bytes: 8)
        case .movlpsLoad, .movlpdLoad, .movhpsLoad, .movhpdLoad: return Shape(bytes: 8)
        case .movlpsStore, .movlpdStore, .movhpsStore, .movhpdStore: return Shape(writesReg: false, writesRM: true, bytes: 8)
        case .movhlps, .movlhps: return Shape(bytes: 0)
        case .movqLoad: return Shape(readsReg: false, bytes: 8)
        case .movqStore: return Shape(writesReg: false, writesRM: true, bytes: 8)
        case .movdLoad: return has66 ? Shape(readsReg: false, rm: .general, bytes: isWide ? 8 : 4) : nil
        case .movdStore: return has66 ? Shape(writesReg: false, rm: .general, writesRM: true, bytes: isWide ? 8 : 4) : nil
        case .movmskps, .movmskpd: return Shape(reg: .general, readsReg: false, bytes: 0)
        case .pmovmskb, .pextrw: return has66 ? Shape(reg: .general, readsReg: false, bytes: 0) : nil
        case .pinsrw: return has66 ? Shape(rm: .general, bytes: 2) : nil
        case .pshufd, .pshufhw, .pshuflw: return Shape(readsReg: false, aligned: true)
        case .punpcklqdq, .punpckhqdq: return Shape(aligned: true)
        case .psllwImmediate, .pslldImmediate, .psllqImmediate, .psrlwImmediate, .psrldImmediate, .psrlqImmediate, .psrawImmediate,
            .psradImmediate, .pslldq, .psrldq:
            return has66 ? Shape(writesRM: true, bytes: 0, isDigit: true) : nil
        default: return has66 && isPackedInteger(operation) ? Shape(aligned: true) : nil
        }
    }

    /// Operations of two whole registers that MMX shares.
    private func isPackedInteger(_ operation: Operation) -> Bool {
        switch operation {
        case .packssdw, .packsswb, .packuswb, .paddb, .paddd, .paddq, .paddsb, .paddsw, .paddusb, .paddusw, .paddw, .pand, .pandn, .pavgb,
            .pavgw, .pcmpeqb, .pcmpeqd, .pcmpeqw, .pcmpgtb, .pcmpgtd, .pcmpgtw, .pmaddwd, .pmaxsw, .pmaxub, .pminsw, .pminub, .pmulhuw,
            .pmulhw, .pmullw, .pmuludq, .por, .psadbw, .pxor, .pslld, .psllq, .psllw, .psrad, .psraw, .psrld, .psrlq, .psrlw, .psubb,
            .psubd, .psubq, .psubsb, .psubsw, .psubusb, .psubusw, .psubw, .punpckhbw, .punpckhdq, .punpckhwd, .punpcklbw, .punpckldq,
            .punpcklwd:
            true
        default: false
        }
    }
}
