import CHost

/// Moves, arithmetic and shifts. Each function returns false, with nothing written, for a form that is left to its routine.
extension BlockTranslation {
    /// What an instruction's micro-op says, unpacked.
    struct Form {
        let op: UnsafeMutablePointer<lv_uop>
        let size: Int
        let inMemory: Bool
        let toRegister: Bool
        let hasImmediate: Bool
        let isLocked: Bool
        /// Register operands; `b` only without `inMemory`.
        let a: Int, b: Int
        let immediate: Int
        private let flags: Int

        init(_ op: UnsafeMutablePointer<lv_uop>) {
            self.op = op
            flags = Int(op.pointee.flags)
            size = flags & LV_UOP_SIZE_MASK
            inMemory = flags & LV_UOP_MEMORY != 0
            toRegister = flags & LV_UOP_TO_REGISTER != 0
            hasImmediate = flags & LV_UOP_IMMEDIATE != 0
            isLocked = flags & LV_UOP_LOCK != 0
            a = Int(op.pointee.a & 15)
            b = Int(op.pointee.b & 15)
            immediate = Int(op.pointee.immediate)
        }

        var bytes: Int { 1 << size }
        /// A byte operand of this number is a low byte, not AH CH DH BH.
        func isLow(_ number: Int) -> Bool { flags & LV_UOP_REX != 0 || number & 0x1c != 4 }
    }

    mutating func integer(_ op: UnsafeMutablePointer<lv_uop>, _ operation: Operation) -> Bool {
        let form = Form(op)
        switch operation {
        case .add: return arithmetic(form, 0, .add)
        case .or: return arithmetic(form, 1, .logic)
        case .and: return arithmetic(form, 4, .logic)
        case .sub: return arithmetic(form, 5, .subtract)
        case .xor: return arithmetic(form, 6, .logic)
        case .cmp: return arithmetic(form, 7, .compare)
        case .adc: return arithmeticWithCarry(form, 2)
        case .sbb: return arithmeticWithCarry(form, 3)
        case .test: return test(form)
        case .mov: return move(form)
        case .movImmediate: return moveImmediate(form)
        case .movzx: return extend(form, source: form.immediate, signed: false)
        case .movsx: return extend(form, source: form.immediate, signed: true)
        case .movsxd: return form.size == 3 && extend(form, source: 2, signed: true)
        case .lea: return loadAddress(form)
        case .inc: return step(form, 0, .increment)
        case .dec: return step(form, 1, .decrement)
        case .not, .neg: return negate(form, operation)
        case .shl: return shift(form, 4)
        case .shr: return shift(form, 5)
        case .sar: return shift(form, 7)
        case .rol: return rotate(form, 0)
        case .ror: return rotate(form, 1)
        case .imul: return multiply(form, immediate: false)
        case .imulImmediate: return multiply(form, immediate: true)
        case .mul: return multiplyWide(form, 4)
        case .imulWide: return multiplyWide(form, 5)
        case .div: return divide(form)
        case .idiv: return divideSigned(form)
        case .movFromSreg: return moveFromSegment(form)
        case .shld: return doubleShift(form, 0x0fa4)
        case .shrd: return doubleShift(form, 0x0fac)
        case .pushf: return !countsPrivileged && pushFlags(form)
        case .cld: return setDirection(false)
        case .std: return setDirection(true)
        case .cmov: return conditionalMove(form)
        case .setcc: return setCondition(form)
        case .push: return form.size == 3 && (form.inMemory ? pushMemory(form) : push(form, immediate: false))
        case .pushImmediate: return form.size == 3 && push(form, immediate: true)
        case .pop: return !form.inMemory && form.size == 3 && pop(form)
        case .leave: return form.size == 3 && leave(form)
        case .xchg: return exchange(form)
        case .cmpxchg: return compareExchange(form)
        case .cmpxchg8b: return compareExchangePair(form)
        case .xadd: return exchangeAdd(form)
        case .swapgs: return !countsPrivileged && swapBase(form)
        case .cli: return !countsPrivileged && clearInterrupts(form)
        case .bt, .bts, .btr, .btc: return bitTest(form, operation)
        case .bsf: return scan(form, 0x0fbc)
        case .bsr: return scan(form, 0x0fbd)
        case .bswap: return swapBytes(form)
        case .convertAccumulator: return convertAccumulator(form)
        case .convertDouble: return convertDouble(form)
        case .nop, .prefetch: return true
        case .pause:
            a.byte(0xf3)
            a.byte(0x90)
            return true
        case .lfence, .mfence, .sfence:
            for byte in [0x0f, 0xae, operation == .lfence ? 0xe8 : operation == .mfence ? 0xf0 : 0xf8] { a.byte(byte) }
            return true
        default: return false
        }
    }

    // MARK: arithmetic

    private mutating func arithmetic(_ form: Form, _ digit: Int, _ kind: PendingFlags.Kind) -> Bool {
        if form.inMemory { return form.toRegister ? arithmeticFromMemory(form, digit, kind) : arithmeticInMemory(form, digit, kind) }
        if usesHighByte(form) { return highByteArithmetic(form, digit, isLogic: kind == .logic) }
        let destination = form.b
        let size = form.size
        if size == 0, !form.isLow(destination) || !form.hasImmediate && !form.isLow(form.a) { return false }
        let isSelf = !form.hasImmediate && form.a == destination
        if kind == .add, isSelf, isLive { keep(destination, StateLayout.flagsB) }
        operate(digit, form, writes: digit != 7)
        if kind == .add, isSelf {
            if isLive {
                keep(destination, StateLayout.flagsResult)
                keepKind(.add, size)
            }
            pending.isThere = false
            hostFlags = FlagSet.all
            return true
        }
        // A register less itself leaves what a logical operation with the result 0 leaves.
        let flags = PendingFlags(
            isThere: true, kind: kind == .subtract && isSelf ? .logic : kind, size: size, register: destination,
            other: form.hasImmediate ? -1 : form.a, constant: form.op.pointee.immediate)
        define(flags, host: FlagSet.all)
        return true
    }

    /// The host instruction for `b` op= `a` or immediate.
    private mutating func operate(_ digit: Int, _ form: Form, writes: Bool) {
        let source = operand(form.a)
        let isConstant = form.hasImmediate
        // Two places of the state block: one goes through a register.
        let register = isConstant || Self.host(form.b) >= 0 || writes && form.size == 2 ? -1 : inRegister(form.a, Host.second)
        let write = { (a: inout Assembler, target: HostOperand) in
            if isConstant {
                a.arithmeticImmediate(digit, target, form.immediate, size: form.size)
            } else if target.isRegister {
                a.arithmetic(digit, into: Int(target.base), source, size: form.size)
            } else {
                a.arithmetic(digit, target, register, size: form.size)
            }
        }
        if writes { change(form.b, size: form.size, write) } else { write(&a, operand(form.b)) }
    }

    private mutating func arithmeticFromMemory(_ form: Form, _ digit: Int, _ kind: PendingFlags.Kind) -> Bool {
        let size = form.size
        if size == 0, !form.isLow(form.a) { return false }
        let first = stubCount
        _ = access(form.op, bytes: form.bytes, write: false)
        a.load(Host.second, .guest, size: size)
        let host = Self.host(form.a)
        if isLive, kind != .logic { a.store(.state(StateLayout.flagsB), Host.second) }
        if host >= 0 {
            a.arithmetic(digit, into: host, .register(Host.second), size: size)
        } else if size == 2, digit != 7 {
            a.load(Host.first, operand(form.a), size: 2)
            a.arithmetic(digit, into: Host.first, .register(Host.second), size: 2)
            a.store(operand(form.a), Host.first)
        } else {
            a.arithmetic(digit, operand(form.a), Host.second, size: size)
        }
        if isLive {
            keep(form.a, kind == .compare ? StateLayout.flagsA : StateLayout.flagsResult)
            keepKind(kind, size)
        }
        pending.isThere = false
        hostFlags = FlagSet.all
        finish(first)
        return true
    }

    private mutating func arithmeticInMemory(_ form: Form, _ digit: Int, _ kind: PendingFlags.Kind) -> Bool {
        let size = form.size
        if size == 0, !form.hasImmediate, !form.isLow(form.a) { return false }
        let first = stubCount
        _ = access(form.op, bytes: form.bytes, write: digit != 7)
        if digit == 7 {
            a.load(Host.first, .guest, size: size)
            if form.hasImmediate {
                a.arithmeticImmediate(7, .register(Host.first), form.immediate, size: size)
            } else {
                a.arithmetic(7, into: Host.first, operand(form.a), size: size)
            }
            if isLive {
                a.store(.state(StateLayout.flagsA), Host.first)
                if form.hasImmediate {
                    a.storeImmediate(.state(StateLayout.flagsB), form.immediate, size: 3)
                } else {
                    keep(form.a, StateLayout.flagsB)
                }
                keepKind(.compare, size)
            }
        } else {
            let prefix = form.isLocked ? 0xf0 : 0
            if form.hasImmediate {
                a.arithmeticImmediate(digit, .guest, form.immediate, size: size, prefix: prefix)
            } else if Self.host(form.a) >= 0 {
                a.arithmetic(digit, .guest, Self.host(form.a), size: size, prefix: prefix)
            } else {
                let memory = joinAddress()
                a.arithmetic(digit, memory, inRegister(form.a, Host.second), size: size, prefix: prefix)
            }
            if isLive { saveHostFlags(kind == .logic ? .rawLogic : .raw) }
        }
        pending.isThere = false
        hostFlags = FlagSet.all
        finish(first)
        return true
    }

    /// ADC, SBB.
    private mutating func arithmeticWithCarry(_ form: Form, _ digit: Int) -> Bool {
        if form.inMemory { return carryWithMemory(form, digit) }
        if form.size == 0, !form.isLow(form.b) || !form.hasImmediate && !form.isLow(form.a) { return false }
        need(FlagSet.carry)
        operate(digit, form, writes: true)
        if isLive { saveHostFlags(.raw) }
        pending.isThere = false
        hostFlags = FlagSet.all
        return true
    }

    private mutating func test(_ form: Form) -> Bool {
        let size = form.size
        if form.inMemory {
            if size == 0, !form.hasImmediate, !form.isLow(form.a) { return false }
            let first = stubCount
            _ = access(form.op, bytes: form.bytes, write: false)
            a.load(Host.first, .guest, size: size)
            testInto(Host.first, form)
            pending.isThere = false
            hostFlags = FlagSet.all
            finish(first)
            return true
        }
        if usesHighByte(form) { return highByteArithmetic(form, 8, isLogic: true) }
        if !form.hasImmediate, form.a == form.b {
            let register = inRegister(form.a, Host.first)
            a.operation(size, size == 0 ? 0x84 : 0x85, register, .register(register))
            define(PendingFlags(isThere: true, kind: .logic, size: size, register: form.a), host: FlagSet.all)
            return true
        }
        if isLive {
            a.load(Host.first, operand(form.b))
            testInto(Host.first, form)
        } else if form.hasImmediate {
            a.operation(size, size == 0 ? 0xf6 : 0xf7, 0, operand(form.b))
            a.immediate(form.immediate, size)
        } else {
            a.operation(size, size == 0 ? 0x84 : 0x85, inRegister(form.a, Host.second), operand(form.b))
        }
        pending.isThere = false
        hostFlags = FlagSet.all
        return true
    }

    /// AND into a scratch register, saved where it is looked at.
    private mutating func testInto(_ register: Int, _ form: Form) {
        if form.hasImmediate {
            a.arithmeticImmediate(4, .register(register), form.immediate, size: form.size)
        } else {
            a.arithmetic(4, into: register, operand(form.a), size: form.size)
        }
        if isLive {
            a.store(.state(StateLayout.flagsResult), register)
            keepKind(.logic, form.size)
        }
    }

    /// INC, DEC: CF stays, so it must be the guest's before.
    private mutating func step(_ form: Form, _ digit: Int, _ kind: PendingFlags.Kind) -> Bool {
        let size = form.size
        if form.inMemory {
            let first = stubCount
            if isLive { need(FlagSet.carry) }
            if isLive { a.operation(0, 0x0f92, 0, .state(StateLayout.scratch)) }
            // The carry of before goes through a byte, since the look-up takes the host's flags.
            _ = access(form.op, bytes: form.bytes, write: true)
            if isLive { a.arithmeticImmediate(0, .state(StateLayout.scratch), -1, size: 0) }
            a.operation(size, size == 0 ? 0xfe : 0xff, digit, .guest, prefix: form.isLocked ? 0xf0 : 0)
            if isLive { saveHostFlags(.raw) }
            pending.isThere = false
            hostFlags = isLive ? FlagSet.all : FlagSet.all & ~FlagSet.carry
            finish(first)
            return true
        }
        if size == 0, !form.isLow(form.b) { return false }
        if isLive { need(FlagSet.carry) }
        let carry = hostFlags & FlagSet.carry
        change(form.b, size: size) { $0.operation(size, size == 0 ? 0xfe : 0xff, digit, $1) }
        define(PendingFlags(isThere: true, kind: kind, size: size, register: form.b), host: FlagSet.all & ~FlagSet.carry | carry)
        return true
    }

    private mutating func negate(_ form: Form, _ operation: Operation) -> Bool {
        let size = form.size
        let digit = operation == .not ? 2 : 3
        if form.inMemory {
            let first = stubCount
            _ = access(form.op, bytes: form.bytes, write: true)
            let prefix = form.isLocked ? 0xf0 : 0
            a.operation(size, size == 0 ? 0xf6 : 0xf7, digit, .guest, prefix: prefix)
            if operation == .neg {
                if isLive { saveHostFlags(.raw) }
                pending.isThere = false
                hostFlags = FlagSet.all
            }
            finish(first)
            return true
        }
        if size == 0, !form.isLow(form.b) { return false }
        if operation == .not { willWrite(form.b) }
        change(form.b, size: size) { $0.operation(size, size == 0 ? 0xf6 : 0xf7, digit, $1) }
        if operation == .neg {
            if isLive { saveHostFlags(.raw) }
            pending.isThere = false
            hostFlags = FlagSet.all
        }
        return true
    }

    // MARK: shifts

    private mutating func shift(_ form: Form, _ digit: Int) -> Bool {
        let size = form.size
        if form.inMemory || size == 0 && !form.isLow(form.b) { return false }
        let isVariable = form.immediate == 256
        let count = form.immediate & (size == 3 ? 63 : 31)
        if !isVariable, count == 0 { return false }
        if !isVariable, size < 2, count > 8 << size { return false }
        if isVariable {
            // With a count of 0 the flags stay: where they are looked at, that way is left out at run time. Small operands have counts
            // beyond their size.
            if size < 2 || digit == 5 && form.b == 1 { return false }
            if isLive {
                flushFlags()
                hostFlags = FlagSet.none
                a.operation(0, 0xf6, 0, .register(Host.rcx))
                a.byte(size == 3 ? 63 : 31)
                let skip = a.jump(Assembler.jumpIf(4))
                shiftRegister(form, digit)
                saveShift(form, digit)
                let end = a.jump()
                a.bindHere(skip)
                // A 32-bit operand still loses its upper half.
                if size == 2 { shiftRegister(form, digit) }
                a.bindHere(end)
                pending.isThere = false
                hostFlags = FlagSet.none
                return true
            }
            willWrite(form.b)
            willClobber()
            shiftRegister(form, digit)
            pending.isThere = false
            return true
        }
        shiftBy(count, form, digit)
        // OF beyond a count of 1 follows the interpreter's rule, not the host's.
        let kind = digit == 4 ? PendingFlags.Kind.shiftLeft : digit == 7 || count > 1 ? .shiftRight : .explicit
        define(
            PendingFlags(isThere: true, kind: kind, size: size, register: form.b),
            host: count == 1 ? FlagSet.tested : FlagSet.tested & ~FlagSet.overflow)
        return true
    }

    private mutating func shiftBy(_ count: Int, _ form: Form, _ digit: Int) {
        change(form.b, size: form.size) {
            $0.operation(form.size, form.size == 0 ? 0xc0 : 0xc1, digit, $1)
            $0.byte(count)
        }
    }

    private mutating func shiftRegister(_ form: Form, _ digit: Int) {
        change(form.b, size: form.size) { $0.operation(form.size, 0xd3, digit, $1) }
    }

    /// Flags of a shift by CL with a count above 0: CF from the host; OF of SHR is the host's for a count of 1, else 0.
    private mutating func saveShift(_ form: Form, _ digit: Int) {
        guard digit == 5 else {
            save(PendingFlags(isThere: true, kind: digit == 4 ? .shiftLeft : .shiftRight, size: form.size, register: form.b))
            return
        }
        save(PendingFlags(isThere: true, kind: .explicit, size: form.size, register: form.b))
        a.load(Host.second, .register(Host.rcx), size: 2)
        a.arithmeticImmediate(4, .register(Host.second), form.size == 3 ? 63 : 31, size: 2)
        a.arithmeticImmediate(7, .register(Host.second), 1, size: 2)
        a.operation(0, 0x0f94, 0, .register(Host.second))
        a.arithmetic(4, .state(StateLayout.flagsB + 1), Host.second, size: 0)
    }

    /// ROL and ROR by a constant: what CF and OF become follows from the result, the others stay as they were saved.
    private mutating func rotate(_ form: Form, _ digit: Int) -> Bool {
        let size = form.size
        if form.inMemory || form.immediate == 256 || size == 0 && !form.isLow(form.b) { return false }
        let count = form.immediate & (size == 3 ? 63 : 31)
        if count & ((8 << size) - 1) == 0 { return false }
        if isLive { flushFlags() } else { pending.isThere = false }
        shiftBy(count, form, digit)
        if isLive {
            keep(form.b, StateLayout.rotated)
            // The second byte of the kind tells of the rotation, the third is cleared.
            a.storeImmediate(.state(StateLayout.flagsKind + 1), FlagsChange.rotation(right: digit == 1, size: size), size: 1)
        }
        hostFlags = hostFlags & ~FlagSet.overflow | FlagSet.carry
        return true
    }

    // MARK: multiplication, division

    private mutating func multiply(_ form: Form, immediate: Bool) -> Bool {
        let size = form.size
        if size == 0 { return false }
        let first = stubCount
        var source = form.inMemory ? HostOperand.guest : operand(form.b)
        if form.inMemory { _ = access(form.op, bytes: form.bytes, write: false) }
        let host = Self.host(form.a)
        let target = host >= 0 ? host : Host.first
        if host < 0 {
            if form.inMemory {
                a.load(Host.second, source, size: size)
                source = .register(Host.second)
            }
            if !immediate { a.load(Host.first, operand(form.a)) }
        }
        if immediate {
            let isByte = form.immediate >= -128 && form.immediate < 128
            a.operation(size, isByte ? 0x6b : 0x69, target, source)
            a.immediate(form.immediate, isByte ? 0 : size)
        } else {
            a.operation(size, 0x0faf, target, source)
        }
        if host < 0 { a.store(operand(form.a), Host.first, size: size == 2 ? 3 : size) }
        if form.inMemory {
            // Saved here: the way over the routine has them in the state block too.
            if isLive { save(PendingFlags(isThere: true, kind: .explicit, size: size, register: form.a)) }
            pending.isThere = false
            hostFlags = FlagSet.carry | FlagSet.overflow
            finish(first)
        } else {
            // What the host leaves in the other four is undefined.
            define(PendingFlags(isThere: true, kind: .explicit, size: size, register: form.a), host: FlagSet.carry | FlagSet.overflow)
        }
        return true
    }

    /// MUL (digit 4), IMUL (5) of the accumulator.
    private mutating func multiplyWide(_ form: Form, _ digit: Int) -> Bool {
        let size = form.size
        if size < 2 { return false }
        let first = stubCount
        if form.inMemory { _ = access(form.op, bytes: form.bytes, write: false) }
        a.operation(size, 0xf7, digit, form.inMemory ? .guest : operand(form.b))
        if isLive { save(PendingFlags(isThere: true, kind: .explicit, size: size, register: 0)) }
        pending.isThere = false
        hostFlags = FlagSet.carry | FlagSet.overflow
        finish(first)
        return true
    }

    /// DIV; what would raise is left to the routine.
    private mutating func divide(_ form: Form) -> Bool {
        let size = form.size
        if size < 2 { return false }
        flushFlags()
        let first = stubCount
        var divisor: HostOperand
        if form.inMemory {
            _ = access(form.op, bytes: form.bytes, write: false)
            a.load(Host.first, .guest, size: size)
            divisor = .register(Host.first)
        } else {
            divisor = operand(form.b)
        }
        // The quotient fits exactly when the upper half is below the divisor.
        a.arithmetic(7, into: Host.rdx, divisor, size: size)
        var stub = NativeStub(kind: .help, jump: a.jump(Assembler.jumpIf(3)))
        fill(&stub, form.op, kind: 0)
        addStub(stub)
        a.operation(size, 0xf7, 6, divisor)
        hostFlags = FlagSet.none
        finish(first)
        return true
    }
}
