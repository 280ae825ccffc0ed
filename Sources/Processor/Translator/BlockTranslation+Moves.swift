import CHost

/// Moves, extensions, exchanges and what works on bits.
extension BlockTranslation {
    mutating func move(_ form: Form) -> Bool {
        let size = form.size
        if form.inMemory { return form.toRegister ? load(form) : store(form) }
        if usesHighByte(form) { return moveHighByte(form) }
        willWrite(form.b)
        let host = Self.host(form.b)
        if host >= 0 {
            a.load(host, operand(form.a), size: size)
        } else {
            setRegister(form.b, inRegister(form.a, Host.first), size: size, scratch: Host.first)
        }
        return true
    }

    private mutating func load(_ form: Form) -> Bool {
        let size = form.size
        if size == 0, !form.isLow(form.a) { return false }
        let first = stubCount
        willWrite(form.a)
        _ = access(form.op, bytes: form.bytes, write: false)
        let host = Self.host(form.a)
        if host >= 0 {
            a.load(host, .guest, size: size)
        } else {
            a.load(Host.first, .guest, size: size)
            a.store(operand(form.a), Host.first, size: size == 2 ? 3 : size)
        }
        finish(first)
        return true
    }

    private mutating func store(_ form: Form) -> Bool {
        let size = form.size
        if size == 0, !form.isLow(form.a) { return false }
        let first = stubCount
        _ = access(form.op, bytes: form.bytes, write: true)
        storeRegister(form.a, size)
        finish(first)
        return true
    }

    /// Stores a guest register to `HostOperand.guest`.
    private mutating func storeRegister(_ guest: Int, _ size: Int) {
        let host = Self.host(guest)
        if host >= 0 {
            a.store(.guest, host, size: size)
        } else {
            let memory = joinAddress()
            a.store(memory, inRegister(guest, Host.second), size: size)
        }
    }

    /// As `setRegister`, from a register of which only `scratch` may be changed.
    private mutating func setRegister(_ guest: Int, _ register: Int, size: Int, scratch: Int) {
        if size == 2 {
            a.load(scratch, .register(register), size: 2)
            a.store(operand(guest), scratch)
        } else {
            a.store(operand(guest), register, size: size)
        }
    }

    mutating func moveImmediate(_ form: Form) -> Bool {
        let size = form.size
        if form.inMemory {
            let first = stubCount
            _ = access(form.op, bytes: form.bytes, write: true)
            a.storeImmediate(.guest, form.immediate, size: size)
            finish(first)
            return true
        }
        if size == 0, !form.isLow(form.b) { return false }
        willWrite(form.b)
        let isWide = form.op.pointee.flags & UInt16(LV_UOP_WIDE) != 0
        let value =
            isWide
            ? UOp(form.op).constant64
            : size == 2 ? UInt64(UInt32(truncatingIfNeeded: form.immediate)) : UInt64(bitPattern: Int64(form.immediate))
        let host = Self.host(form.b)
        if size < 2 {
            a.storeImmediate(operand(form.b), form.immediate, size: size)
        } else if host >= 0 {
            a.constant(host, value)
        } else {
            a.constant(Host.first, value)
            a.store(operand(form.b), Host.first)
        }
        return true
    }

    mutating func extend(_ form: Form, source: Int, signed: Bool) -> Bool {
        let size = form.size
        let opcode = source == 2 ? 0x63 : (signed ? 0x0fbe : 0x0fb6) + source
        let host = Self.host(form.a)
        if form.inMemory {
            let first = stubCount
            willWrite(form.a)
            _ = access(form.op, bytes: 1 << source, write: false)
            a.operation(size, opcode, host >= 0 ? host : Host.first, .guest)
            if host < 0 { a.store(operand(form.a), Host.first, size: size == 2 ? 3 : size) }
            finish(first)
            return true
        }
        if source == 0, !form.isLow(form.b) {
            // AH CH DH BH: only without REX.
            guard host >= 0, host < 8, size == 2 else { return false }
            willWrite(form.a)
            a.byte(0x0f)
            a.byte(opcode)
            a.byte(0xc0 | host << 3 | form.b)
            return true
        }
        willWrite(form.a)
        let target = host >= 0 ? host : Host.first
        let from = operand(form.b)
        // A byte register above 3 wants a REX prefix.
        if source == 0, from.isRegister, from.base >= 4, target < 8, from.base < 8, size != 3 {
            if size == 1 { a.byte(0x66) }
            a.byte(0x40)
            a.byte(0x0f)
            a.byte(opcode)
            a.byte(0xc0 | target << 3 | Int(from.base))
        } else {
            a.operation(size, opcode, target, from)
        }
        if host < 0 { a.store(operand(form.a), Host.first, size: size == 2 ? 3 : size) }
        return true
    }

    mutating func loadAddress(_ form: Form) -> Bool {
        if form.size < 2 { return false }
        willWrite(form.a)
        let host = Self.host(form.a)
        let target = host >= 0 ? host : Host.first
        loadEffectiveAddress(form.op, into: target)
        if form.size == 2 { a.load(target, .register(target), size: 2) }
        if host < 0 { a.store(operand(form.a), Host.first) }
        return true
    }

    // MARK: conditions

    mutating func conditionalMove(_ form: Form) -> Bool {
        let size = form.size
        let condition = form.immediate & 15
        let first = stubCount
        var source = operand(form.b)
        if form.inMemory {
            willWrite(form.a)
            _ = access(form.op, bytes: form.bytes, write: false)
            // The value waits in the state block: bringing the flags back takes both scratch registers.
            a.load(Host.first, .guest, size: size)
            a.store(.state(StateLayout.scratch), Host.first)
            source = .state(StateLayout.scratch)
        }
        need(FlagSet.of(condition: condition))
        willWrite(form.a)
        let host = Self.host(form.a)
        let target = host >= 0 ? host : Host.first
        if host < 0 { a.load(Host.first, operand(form.a), size: size == 1 ? 3 : size) }
        a.operation(size, 0x0f40 | condition, target, source)
        if host < 0 { a.store(operand(form.a), Host.first) }
        finish(first)
        return true
    }

    mutating func setCondition(_ form: Form) -> Bool {
        let condition = form.immediate & 15
        if form.inMemory {
            need(FlagSet.of(condition: condition))
            let first = stubCount
            a.operation(0, 0x0f90 | condition, 0, .state(StateLayout.scratch))
            _ = access(form.op, bytes: 1, write: true)
            let memory = joinAddress()
            a.operation(0, 0x8a, Host.second, .state(StateLayout.scratch))
            a.store(memory, Host.second, size: 0)
            finish(first)
            return true
        }
        if !form.isLow(form.b) { return false }
        need(FlagSet.of(condition: condition))
        willWrite(form.b)
        a.operation(0, 0x0f90 | condition, 0, operand(form.b))
        return true
    }

    // MARK: stack

    /// Looks up the top of the stack after (`write`) or before it moves.
    mutating func accessStack(_ op: UnsafeMutablePointer<lv_uop>, write: Bool) {
        willClobber()
        let retry = a.offset
        if write {
            a.loadAddress(Host.first, .at(Host.guestStack, -8))
        } else {
            a.load(Host.first, .register(Host.guestStack))
        }
        _ = lookUp(op, bytes: 8, write: write, retry: retry)
    }

    mutating func moveStack(_ bytes: Int) { a.loadAddress(Host.guestStack, .at(Host.guestStack, bytes)) }

    mutating func push(_ form: Form, immediate: Bool) -> Bool {
        if let place = groupPlace(form.op, write: true) {
            if immediate {
                a.storeImmediate(place, form.immediate, size: 3)
            } else {
                a.store(place, inRegister(form.b, Host.first))
            }
            closeGroup()
            return true
        }
        let first = stubCount
        willWrite(4)
        accessStack(form.op, write: true)
        if immediate {
            a.storeImmediate(.guest, form.immediate, size: 3)
        } else {
            storeRegister(form.b, 3)
        }
        moveStack(-8)
        finish(first)
        return true
    }

    mutating func pop(_ form: Form) -> Bool {
        if let place = groupPlace(form.op, write: false) {
            willWrite(form.b)
            let host = Self.host(form.b)
            a.load(host >= 0 ? host : Host.first, place)
            if host < 0 { a.store(operand(form.b), Host.first) }
            closeGroup()
            return true
        }
        let first = stubCount
        willWrite(4)
        willWrite(form.b)
        accessStack(form.op, write: false)
        let host = Self.host(form.b)
        if host >= 0 {
            a.load(host, .guest)
        } else {
            a.load(Host.first, .guest)
            a.store(operand(form.b), Host.first)
        }
        if form.b != 4 { moveStack(8) }
        finish(first)
        return true
    }

    /// LEAVE: RSP becomes RBP, then POP RBP.
    mutating func leave(_ form: Form) -> Bool {
        let first = stubCount
        willWrite(4)
        willWrite(5)
        willClobber()
        let retry = a.offset
        a.load(Host.first, .register(Host.rbp))
        _ = lookUp(form.op, bytes: 8, write: false, retry: retry)
        a.loadAddress(Host.guestStack, .at(Host.rbp, 8))
        a.load(Host.rbp, .guest)
        finish(first)
        return true
    }

    // MARK: exchanges

    mutating func exchange(_ form: Form) -> Bool {
        let size = form.size
        if size == 0, !form.isLow(form.a) || !form.inMemory && !form.isLow(form.b) { return false }
        let opcode = size == 0 ? 0x86 : 0x87
        let first = stubCount
        if form.inMemory {
            willWrite(form.a)
            _ = access(form.op, bytes: form.bytes, write: true)
            if Self.host(form.a) >= 0 {
                a.operation(size, opcode, Self.host(form.a), .guest)
            } else {
                let memory = joinAddress()
                a.load(Host.second, operand(form.a))
                a.operation(size, opcode, Host.second, memory)
                a.store(operand(form.a), Host.second, size: size == 2 ? 3 : size)
            }
            finish(first)
            return true
        }
        willWrite(form.a)
        willWrite(form.b)
        a.load(Host.first, operand(form.a))
        a.load(Host.second, operand(form.b))
        setRegister(form.b, Host.first, size: size)
        setRegister(form.a, Host.second, size: size)
        return true
    }

    mutating func compareExchange(_ form: Form) -> Bool {
        let size = form.size
        guard form.inMemory, size > 0 || form.isLow(form.a) else { return false }
        let first = stubCount
        willWrite(0)
        _ = access(form.op, bytes: form.bytes, write: true)
        if isLive { keep0(StateLayout.flagsA) }
        let prefix = form.isLocked ? 0xf0 : 0
        let opcode = size == 0 ? 0x0fb0 : 0x0fb1
        if Self.host(form.a) >= 0 {
            a.operation(size, opcode, Self.host(form.a), .guest, prefix: prefix)
        } else {
            let memory = joinAddress()
            a.operation(size, opcode, inRegister(form.a, Host.second), memory, prefix: prefix)
        }
        // In both cases the accumulator holds what was in memory.
        if isLive {
            keep0(StateLayout.flagsB)
            keepKind(.compare, size)
        }
        pending.isThere = false
        hostFlags = FlagSet.all
        finish(first)
        return true
    }

    private mutating func keep0(_ field: Int) { a.store(.state(field), Host.rax) }

    mutating func exchangeAdd(_ form: Form) -> Bool {
        let size = form.size
        guard form.inMemory, size > 0 || form.isLow(form.a) else { return false }
        let first = stubCount
        willWrite(form.a)
        _ = access(form.op, bytes: form.bytes, write: true)
        let prefix = form.isLocked ? 0xf0 : 0
        let memory = joinAddress()
        a.load(Host.second, operand(form.a))
        if isLive { a.store(.state(StateLayout.flagsB), Host.second) }
        a.operation(size, size == 0 ? 0x0fc0 : 0x0fc1, Host.second, memory, prefix: prefix)
        let host = Self.host(form.a)
        if host >= 0 {
            a.load(host, .register(Host.second), size: size)
        } else {
            a.store(operand(form.a), Host.second, size: size == 2 ? 3 : size)
        }
        if isLive {
            a.store(.state(StateLayout.flagsA), Host.second)
            keepKind(.addition, size)
        }
        pending.isThere = false
        hostFlags = FlagSet.all
        finish(first)
        return true
    }

    // MARK: bits

    /// BT BTS BTR BTC of a register, and of memory with a constant bit: CF tells, the other flags stay.
    mutating func bitTest(_ form: Form, _ operation: Operation) -> Bool {
        let size = form.size
        let digit = operation == .bt ? 4 : operation == .bts ? 5 : operation == .btr ? 6 : 7
        let byRegister = form.immediate == 256
        if size < 2 { return false }
        if form.inMemory, byRegister { return bitString(form, digit) }
        let first = stubCount
        // What the flags were stays in the state block.
        flushFlags()
        if form.inMemory {
            _ = access(form.op, bytes: form.bytes, write: operation != .bt)
            a.operation(size, 0x0fba, digit, .guest, prefix: form.isLocked ? 0xf0 : 0)
            a.byte(form.immediate & (size == 3 ? 63 : 31))
        } else {
            let host = Self.host(form.b)
            let target = host >= 0 ? host : Host.first
            if host < 0 { a.load(Host.first, operand(form.b), size: size) }
            if byRegister {
                a.operation(size, 0x0f83 | digit << 3, inRegister(form.a, Host.second), .register(target))
            } else {
                a.operation(size, 0x0fba, digit, .register(target))
                a.byte(form.immediate & (size == 3 ? 63 : 31))
            }
            if operation != .bt, host < 0 { a.store(operand(form.b), Host.first) }
        }
        if isLive {
            a.operation(0, 0x0f92, 0, .state(StateLayout.carry))
            a.storeImmediate(.state(StateLayout.flagsKind + 2), 1, size: 0)
        }
        hostFlags = FlagSet.carry
        finish(first)
        return true
    }

    /// BSF, BSR of a register that is not 0; else the routine.
    mutating func scan(_ form: Form, _ opcode: Int) -> Bool {
        let size = form.size
        if size < 2 || form.inMemory { return false }
        let first = stubCount
        flushFlags()
        let source = inRegister(form.b, Host.first)
        a.operation(size, 0x85, source, .register(source))
        hostFlags = FlagSet.none
        var stub = NativeStub(kind: .help, jump: a.jump(Assembler.jumpIf(4)))
        fill(&stub, form.op, kind: 0)
        addStub(stub)
        // The flags are those of the source, which the result may overwrite.
        if isLive { a.store(.state(StateLayout.flagsResult), source) }
        let host = Self.host(form.a)
        a.operation(size, opcode, host >= 0 ? host : Host.second, .register(source))
        if host < 0 { a.store(operand(form.a), Host.second) }
        if isLive {
            a.storeImmediate(.state(StateLayout.flagsB), 0, size: 3)
            keepKind(.explicit, size)
        }
        finish(first)
        return true
    }

    mutating func swapBytes(_ form: Form) -> Bool {
        if form.size < 2 { return false }
        willWrite(form.b)
        let host = Self.host(form.b)
        let target = host >= 0 ? host : Host.first
        if host < 0 { a.load(Host.first, operand(form.b), size: form.size) }
        let rex = (form.size == 3 ? 0x48 : 0x40) | target >> 3
        if rex != 0x40 { a.byte(rex) }
        a.byte(0x0f)
        a.byte(0xc8 | target & 7)
        if host < 0 { a.store(operand(form.b), Host.first) }
        return true
    }

    /// CBW CWDE CDQE.
    mutating func convertAccumulator(_ form: Form) -> Bool {
        willWrite(0)
        if form.size == 1 { a.byte(0x66) } else if form.size == 3 { a.byte(0x48) }
        a.byte(0x98)
        return true
    }

    /// CWD CDQ CQO.
    mutating func convertDouble(_ form: Form) -> Bool {
        willWrite(2)
        if form.size == 1 { a.byte(0x66) } else if form.size == 3 { a.byte(0x48) }
        a.byte(0x99)
        return true
    }
}
