import CHost

/// What a kernel does often between user code and its own: byte registers of the second half, pushes from memory, SWAPGS, CLI, and the
/// bits and 16-byte exchanges of its allocators.
extension BlockTranslation {
    // MARK: AH CH DH BH

    /// Operands are registers of a byte, one of them AH, CH, DH or BH: there is no REX prefix, and the host's encoding is the guest's.
    func usesHighByte(_ form: Form) -> Bool {
        form.size == 0 && !form.inMemory && (!form.isLow(form.b) || !form.hasImmediate && !form.isLow(form.a))
    }

    /// Arithmetic with such an operand; `digit` 0–7, but not ADC and SBB; 8: TEST.
    mutating func highByteArithmetic(_ form: Form, _ digit: Int, isLogic: Bool) -> Bool {
        if form.hasImmediate {
            a.byte(digit == 8 ? 0xf6 : 0x80)
            a.byte(0xc0 | (digit & 7) << 3 | form.b)
            a.byte(form.immediate)
        } else {
            a.byte(digit == 8 ? 0x84 : digit << 3)
            a.byte(0xc0 | form.a << 3 | form.b)
        }
        pending.isThere = false
        if isLive { saveHostFlags(isLogic ? .rawLogic : .raw) }
        hostFlags = FlagSet.all
        return true
    }

    mutating func moveHighByte(_ form: Form) -> Bool {
        willWrite(form.isLow(form.b) ? form.b : form.b & 3)
        a.byte(0x88)
        a.byte(0xc0 | form.a << 3 | form.b)
        return true
    }

    /// MOV of a selector to a register of 32 or 64 bits.
    mutating func moveFromSegment(_ form: Form) -> Bool {
        if form.inMemory || form.size < 2 || form.a & 7 > LV_GS { return false }
        willWrite(form.b)
        let host = Self.host(form.b)
        let target = host >= 0 ? host : Host.first
        a.operation(2, 0x0fb7, target, .state(StateLayout.segmentSelector(form.a & 7)))
        if host < 0 { a.store(operand(form.b), Host.first) }
        return true
    }

    // MARK: stack

    /// PUSH of a quadword in memory.
    mutating func pushMemory(_ form: Form) -> Bool {
        let first = stubCount
        willWrite(4)
        _ = access(form.op, bytes: 8, write: false)
        a.load(Host.first, .guest)
        a.store(.state(StateLayout.scratch), Host.first)
        accessStack(form.op, write: true)
        let memory = joinAddress()
        a.load(Host.second, .state(StateLayout.scratch))
        a.store(memory, Host.second)
        moveStack(-8)
        finish(first)
        return true
    }

    // MARK: privileged

    /// Leaves an instruction to its routine unless CPL is 0.
    private mutating func checkPrivilege(_ form: Form) -> Int {
        willClobber()
        let first = stubCount
        a.arithmeticImmediate(7, .state(StateLayout.privilege), 0, size: 2)
        var stub = NativeStub(kind: .help, jump: a.jump(Assembler.jumpIf(5)))
        fill(&stub, form.op, kind: 0)
        addStub(stub)
        return first
    }

    mutating func swapBase(_ form: Form) -> Bool {
        if entries != StateLayout.supervisorEntries { return false }
        let first = checkPrivilege(form)
        let base = HostOperand.state(StateLayout.segmentBase(Int(LV_GS)))
        a.load(Host.first, base)
        a.load(Host.second, .state(StateLayout.kernelBase))
        a.store(base, Host.second)
        a.store(.state(StateLayout.kernelBase), Host.first)
        finish(first)
        return true
    }

    mutating func clearInterrupts(_ form: Form) -> Bool {
        if entries != StateLayout.supervisorEntries { return false }
        let first = checkPrivilege(form)
        a.arithmeticImmediate(4, .state(StateLayout.systemFlags), ~Int(RFLAGS.interrupt), size: 3)
        finish(first)
        return true
    }

    // MARK: bits and exchanges

    /// BT BTS BTR BTC (digit 4–7) of a bit string in memory, with the bit's number in a register that is pinned.
    mutating func bitString(_ form: Form, _ digit: Int) -> Bool {
        let host = Self.host(form.a)
        guard host >= 0, form.op.pointee.segment < UInt8(LV_FS) else { return false }
        let first = stubCount
        flushFlags()
        willClobber()
        let retry = a.offset
        address(form.op)
        // The number is signed: which unit of memory it is in.
        a.operation(3, form.size == 2 ? 0x63 : 0x8b, Host.second, .register(host))
        a.operation(3, 0xc1, 7, .register(Host.second))
        a.byte(form.size == 2 ? 5 : 6)
        a.loadAddress(Host.first, .indexed(Host.first, Host.second, form.size))
        _ = lookUp(form.op, bytes: form.bytes, write: digit != 4, retry: retry)
        if digit == 4 {
            a.load(Host.first, .guest, size: form.size)
            a.operation(form.size, 0x0fa3, host, .register(Host.first))
        } else {
            // The host would go to the unit again, by the number as it is.
            let memory = joinAddress()
            a.load(Host.second, .register(host), size: 2)
            a.arithmeticImmediate(4, .register(Host.second), form.size == 3 ? 63 : 31, size: 2)
            a.operation(form.size, 0x0f83 | digit << 3, Host.second, memory, prefix: form.isLocked ? 0xf0 : 0)
        }
        if isLive {
            a.operation(0, 0x0f92, 0, .state(StateLayout.carry))
            a.storeImmediate(.state(StateLayout.flagsKind + 2), 1, size: 0)
        }
        hostFlags = FlagSet.carry
        finish(first)
        return true
    }

    /// CMPXCHG8B, CMPXCHG16B: ZF tells, the other flags stay.
    mutating func compareExchangePair(_ form: Form) -> Bool {
        guard form.inMemory else { return false }
        let isWide = form.op.pointee.flags & UInt16(LV_UOP_REX_W) != 0
        let first = stubCount
        flushFlags()
        willWrite(0)
        willWrite(2)
        _ = access(form.op, bytes: isWide ? 16 : 8, write: true, aligned: isWide)
        a.operation(isWide ? 3 : 2, 0x0fc7, 1, .guest, prefix: form.isLocked ? 0xf0 : 0)
        if isLive {
            a.operation(0, 0x0f94, 0, .state(StateLayout.zero))
            a.storeImmediate(.state(StateLayout.flagsKind + 3), 1, size: 0)
        }
        hostFlags = FlagSet.zero
        finish(first)
        return true
    }
}
