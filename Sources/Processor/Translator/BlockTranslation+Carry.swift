import CHost

/// What takes or shifts in a carry, and other instructions with more to them than one of the host's.
extension BlockTranslation {
    // MARK: ADC, SBB

    /// ADC, SBB with an operand in memory. The look-up takes the host's flags: the carry goes through a byte.
    mutating func carryWithMemory(_ form: Form, _ digit: Int) -> Bool {
        let size = form.size
        if size == 0, !form.hasImmediate, !form.isLow(form.a) { return false }
        need(FlagSet.carry)
        let first = stubCount
        a.operation(0, 0x0f92, 0, .state(StateLayout.scratch))
        _ = access(form.op, bytes: form.bytes, write: !form.toRegister)
        // 1 + 255 carries.
        a.arithmeticImmediate(0, .state(StateLayout.scratch), -1, size: 0)
        let host = Self.host(form.a)
        if form.toRegister {
            if host >= 0 {
                a.arithmetic(digit, into: host, .guest, size: size)
            } else {
                a.load(Host.second, .guest, size: size)
                a.load(Host.first, operand(form.a))
                a.arithmetic(digit, into: Host.first, .register(Host.second), size: size)
                a.store(operand(form.a), Host.first, size: size == 2 ? 3 : size)
            }
        } else {
            let prefix = form.isLocked ? 0xf0 : 0
            if form.hasImmediate {
                a.arithmeticImmediate(digit, .guest, form.immediate, size: size, prefix: prefix)
            } else if host >= 0 {
                a.arithmetic(digit, .guest, host, size: size, prefix: prefix)
            } else {
                // LEA leaves the flags alone.
                let memory = joinAddress()
                a.arithmetic(digit, memory, inRegister(form.a, Host.second), size: size, prefix: prefix)
            }
        }
        if isLive { saveHostFlags(.raw) }
        pending.isThere = false
        hostFlags = FlagSet.all
        finish(first)
        return true
    }

    // MARK: SHLD, SHRD

    /// Of registers, by a constant or, where nobody looks at the flags, by CL. OF is set where the sign changed, whatever the count.
    mutating func doubleShift(_ form: Form, _ opcode: Int) -> Bool {
        let size = form.size
        let byRegister = form.immediate == 256
        let count = form.immediate & (size == 3 ? 63 : 31)
        if form.inMemory || size < 2 || !byRegister && count == 0 || byRegister && isLive { return false }
        willWrite(form.b)
        willClobber()
        pending.isThere = false
        let host = Self.host(form.b)
        let target = host >= 0 ? host : Host.first
        if host < 0 { a.load(Host.first, operand(form.b), size: size) }
        if isLive { a.store(.state(StateLayout.scratch), target) }
        a.operation(size, byRegister ? opcode + 1 : opcode, inRegister(form.a, Host.second), .register(target))
        if !byRegister { a.byte(count) }
        // By CL = 0 a 32-bit operand loses its upper half all the same.
        if size == 2, byRegister { a.load(target, .register(target), size: 2) }
        if host < 0 { a.store(operand(form.b), Host.first) }
        if isLive {
            a.operation(0, 0x0f92, 0, .state(StateLayout.flagsB))
            a.load(Host.second, .state(StateLayout.scratch))
            a.arithmetic(6, into: Host.second, .register(target), size: size)
            a.operation(0, 0x0f98, 0, .state(StateLayout.flagsB + 1))
            a.store(.state(StateLayout.flagsResult), target)
            keepKind(.explicit, size)
        }
        return true
    }

    // MARK: IDIV

    /// A dividend that is a sign-extended accumulator, by anything but 0 and −1, has a quotient that fits; the rest is left to the routine.
    mutating func divideSigned(_ form: Form) -> Bool {
        let size = form.size
        if size < 2 { return false }
        flushFlags()
        let first = stubCount
        if form.inMemory {
            _ = access(form.op, bytes: form.bytes, write: false)
            a.load(Host.first, .guest, size: size)
        } else {
            a.load(Host.first, operand(form.b), size: size)
        }
        a.loadAddress(Host.second, .at(Host.first, 1), size: size)
        a.arithmeticImmediate(7, .register(Host.second), 1, size: size)
        leaveIf(6, form)
        a.load(Host.second, .register(Host.rax), size: size)
        a.operation(size, 0xc1, 7, .register(Host.second))
        a.byte(size == 3 ? 63 : 31)
        a.arithmetic(7, into: Host.second, .register(Host.rdx), size: size)
        leaveIf(5, form)
        a.operation(size, 0xf7, 7, .register(Host.first))
        hostFlags = FlagSet.none
        finish(first)
        return true
    }

    /// On a condition of the host the instruction is left to its routine, with nothing of it done.
    private mutating func leaveIf(_ condition: Int, _ form: Form) {
        hostFlags = FlagSet.none
        var stub = NativeStub(kind: .help, jump: a.jump(Assembler.jumpIf(condition)))
        fill(&stub, form.op, kind: 0)
        addStub(stub)
    }

    // MARK: flags

    /// PUSHFQ: the arithmetic flags from the host, the others from the state block, without VM and RF. AF behind a logical operation is what
    /// processors make it: clear.
    mutating func pushFlags(_ form: Form) -> Bool {
        if form.size != 3 { return false }
        let first = stubCount
        need(FlagSet.all)
        a.byte(0x9c)
        // POP addresses memory with the RSP behind it.
        a.operation(2, 0x8f, 0, .state(StateLayout.scratch))
        accessStack(form.op, write: true)
        let memory = joinAddress()
        a.load(Host.second, .state(StateLayout.systemFlags))
        a.arithmeticImmediate(4, .state(StateLayout.scratch), FlagSet.all, size: 2)
        a.arithmeticImmediate(4, .register(Host.second), ~(FlagSet.all | 0x3_0000), size: 3)
        a.arithmetic(1, into: Host.second, .state(StateLayout.scratch), size: 3)
        a.store(memory, Host.second)
        moveStack(-8)
        finish(first)
        return true
    }

    /// CLD, STD.
    mutating func setDirection(_ isDown: Bool) -> Bool {
        willClobber()
        a.arithmeticImmediate(isDown ? 1 : 4, .state(StateLayout.systemFlags), isDown ? 0x400 : ~0x400, size: 3)
        return true
    }
}
