import CHost

/// The guest's R13–R15 have no host registers of their own. Between instructions that address no memory they stay in the two that are
/// scratch elsewhere, and go back to the state block before anything else is written (`releaseHeld`).
struct HeldRegisters {
    /// The guest registers that the host's R13 and R14 hold; −1: none. `dirty`: the state block has another value.
    var first = -1, second = -1
    var firstIsDirty = false, secondIsDirty = false
    /// The one that was claimed last.
    var secondIsNewer = false

    func place(_ guest: Int) -> Int? { guest == first ? Host.first : guest == second ? Host.second : nil }
}

extension BlockTranslation {
    /// Stores what only scratch registers hold. The host's flags are kept.
    mutating func releaseHeld() {
        release(Host.first)
        release(Host.second)
    }

    mutating func release(_ host: Int) {
        if host == Host.first {
            if held.first >= 0, held.firstIsDirty { a.store(.state(StateLayout.register(held.first)), host) }
            (held.first, held.firstIsDirty) = (-1, false)
        } else {
            if held.second >= 0, held.secondIsDirty { a.store(.state(StateLayout.register(held.second)), host) }
            (held.second, held.secondIsDirty) = (-1, false)
        }
    }

    /// A scratch register for a guest register that will be written in it; `loads`: with its value. The register that holds `other` is
    /// not taken from it.
    private mutating func claim(_ guest: Int, loads: Bool, besides other: Int = -1) -> Int {
        var host = held.place(guest)
        if host == nil {
            // Not the one that holds `other`; an empty one; the one that was claimed longer ago.
            let chosen: Int
            if other >= 0, held.first == other || held.second == other {
                chosen = held.first == other ? Host.second : Host.first
            } else if held.first < 0 || held.second >= 0 && held.secondIsNewer {
                chosen = Host.first
            } else {
                chosen = Host.second
            }
            release(chosen)
            if loads { a.load(chosen, .state(StateLayout.register(guest))) }
            host = chosen
        }
        let taken = host ?? Host.first
        if taken == Host.first {
            (held.first, held.firstIsDirty, held.secondIsNewer) = (guest, true, false)
        } else {
            (held.second, held.secondIsDirty, held.secondIsNewer) = (guest, true, true)
        }
        return taken
    }

    /// Where a guest register can be read.
    private func source(_ guest: Int) -> HostOperand { held.place(guest).map { .register($0) } ?? operand(guest) }

    /// An instruction of registers with R13–R15 among them, where they are held; false: it is written otherwise.
    mutating func heldInstruction(_ op: UnsafeMutablePointer<lv_uop>, _ operation: Operation) -> Bool {
        guard op.pointee.flags & UInt16(LV_UOP_ADDRESS32 | LV_UOP_ADDRESS16) == 0 else { return false }
        let form = Form(op)
        guard form.size >= 2 else { return false }
        switch operation {
        case .lea: return heldAddress(form)
        case _ where form.inMemory: return false
        case .mov where max(form.a, form.b) > 12: return heldMove(form)
        case .add: return heldArithmetic(form, 0, .add)
        case .or: return heldArithmetic(form, 1, .logic)
        case .and: return heldArithmetic(form, 4, .logic)
        case .sub: return heldArithmetic(form, 5, .subtract)
        case .xor: return heldArithmetic(form, 6, .logic)
        case .cmp: return heldArithmetic(form, 7, .compare)
        case .not where form.b > 12:
            willWrite(form.b)
            a.operation(form.size, 0xf7, 2, .register(claim(form.b, loads: true)))
            return true
        case .rol, .ror: return heldRotation(form, operation == .rol ? 0 : 1)
        default: return false
        }
    }

    private mutating func heldMove(_ form: Form) -> Bool {
        willWrite(form.b)
        if form.b < 13 {
            a.load(Self.host(form.b), source(form.a), size: form.size)
        } else {
            let target = claim(form.b, loads: form.a == form.b, besides: form.a)
            a.load(target, form.a == form.b ? .register(target) : source(form.a), size: form.size)
        }
        return true
    }

    private mutating func heldArithmetic(_ form: Form, _ digit: Int, _ kind: PendingFlags.Kind) -> Bool {
        let isSelf = !form.hasImmediate && form.a == form.b
        guard form.b > 12 || !form.hasImmediate && form.a > 12, !isSelf else { return false }
        var target = Self.host(form.b)
        if form.b > 12 {
            let wasDirty = form.b == held.first && held.firstIsDirty || form.b == held.second && held.secondIsDirty
            target = claim(form.b, loads: true, besides: form.hasImmediate ? -1 : form.a)
            if digit == 7, !wasDirty {
                if target == Host.first { held.firstIsDirty = false } else { held.secondIsDirty = false }
            }
        }
        if form.hasImmediate {
            a.arithmeticImmediate(digit, .register(target), form.immediate, size: form.size)
        } else {
            a.arithmetic(digit, into: target, source(form.a), size: form.size)
        }
        define(
            PendingFlags(
                isThere: true, kind: kind, size: form.size, register: form.b, other: form.hasImmediate ? -1 : form.a,
                constant: form.op.pointee.immediate), host: FlagSet.all)
        return true
    }

    /// As `rotate`, of a register that is held.
    private mutating func heldRotation(_ form: Form, _ digit: Int) -> Bool {
        let count = form.immediate & (form.size == 3 ? 63 : 31)
        guard form.b > 12, form.immediate != 256, count != 0 else { return false }
        // What waits for registers is saved before one of them changes.
        if isLive { flushFlags() } else { pending.isThere = false }
        let target = claim(form.b, loads: true)
        a.operation(form.size, 0xc1, digit, .register(target))
        a.byte(count)
        if isLive {
            a.store(.state(StateLayout.rotated), target)
            a.storeImmediate(.state(StateLayout.flagsKind + 1), FlagsChange.rotation(right: digit == 1, size: form.size), size: 1)
        }
        hostFlags = hostFlags & ~FlagSet.overflow | FlagSet.carry
        return true
    }

    private mutating func heldAddress(_ form: Form) -> Bool {
        let (base, index) = (Int(form.op.pointee.base), Int(form.op.pointee.index))
        guard form.a > 12, base < 13, index < 13 || index == Int(LV_NO_REGISTER) else { return false }
        willWrite(form.a)
        let target = claim(form.a, loads: false)
        a.loadAddress(
            target,
            HostOperand(
                base: Int8(truncatingIfNeeded: Self.host(base)), index: index < 13 ? Int8(truncatingIfNeeded: Self.host(index)) : -1,
                scale: form.op.pointee.shift, displacement: form.op.pointee.displacement), size: form.size)
        return true
    }

    /// An instruction whose code takes neither scratch register, so that what they hold stays.
    func leavesHeld(_ operation: Operation) -> Bool { group == nil && isQuiet(index) && !(operation == .test && isLive) }
}
