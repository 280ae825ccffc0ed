import CHost

/// Pushes, or pops, that follow each other with nothing but register instructions between them.
///
///     PUSH R12       one look-up for all three places: R14 is the lowest one's host address until the last
///     XOR R12D, R12D
///     PUSH RBP       only the store
///     PUSH RBX       only the store
///
/// A CALL may be among the pushes, a RET ends the pops. Where the places lie on two pages, the same instructions run with a look-up each; where
/// the look-up fails for another reason, they are left to their routines, one after the other (`writeApart`). Only there can anything look
/// at the flags between them.
struct StackGroup {
    /// The access's stub.
    let stub: Int
    /// The index of the last instruction.
    let last: Int
    /// The next place, from R14 on.
    var displacement: Int
    let step: Int
}

extension BlockTranslation {
    private enum Direction { case push, pop }

    /// A look-up serves at most this many; the access record counts their bytes in 8 bits.
    private static let longestGroup = 16

    /// The stack instruction that can be in a group; `ends`: only as its last.
    private func stackInstruction(_ number: Int) -> (direction: Direction, ends: Bool)? {
        let op = rows[number].op
        guard let op, op.pointee.flags & UInt16(LV_UOP_ADDRESS32 | LV_UOP_ADDRESS16) == 0 else { return nil }
        let form = Form(op)
        guard form.size == 3, !form.inMemory else { return nil }
        switch Operation(rawValue: op.pointee.operation) {
        case .push where form.b != 4: return (.push, false)
        case .pushImmediate: return (.push, false)
        case .call: return (.push, trace.parts[rows[number].part].way == .ends)
        case .pop where form.b != 4: return (.pop, false)
        case .ret: return (.pop, true)
        default: return nil
        }
    }

    /// An instruction of pinned registers whose code needs neither R14 nor the carry of before.
    func isQuiet(_ number: Int) -> Bool {
        guard let op = rows[number].op, op.pointee.flags & UInt16(LV_UOP_ADDRESS32 | LV_UOP_ADDRESS16) == 0 else { return false }
        let form = Form(op)
        func isPinned(_ guest: Int) -> Bool { guest < 13 && guest != 4 }
        guard form.size >= 2 else { return false }
        switch Operation(rawValue: op.pointee.operation) {
        case .nop: return !form.inMemory
        case .add, .or, .and, .sub, .xor, .cmp, .test:
            return !form.inMemory && isPinned(form.b) && (form.hasImmediate || isPinned(form.a))
        case .mov: return !form.inMemory && isPinned(form.a) && isPinned(form.b)
        case .movImmediate: return !form.inMemory && isPinned(form.b)
        case .movsxd: return !form.inMemory && form.size == 3 && isPinned(form.a) && isPinned(form.b)
        case .lea:
            let (base, index) = (op.pointee.base, op.pointee.index)
            return isPinned(form.a) && (base >= 16 ? base != UInt8(LV_RIP) : isPinned(Int(base)))
                && (index >= 16 || isPinned(Int(index)))
        default: return false
        }
    }

    /// Finds the groups among the trace's `count` instructions.
    mutating func findGroups(_ count: Int) {
        var number = 0
        while number < count {
            defer { number += 1 }
            guard let first = stackInstruction(number), !first.ends else { continue }
            var (last, accesses, next) = (number, 1, number + 1)
            while next < count, accesses < Self.longestGroup {
                if let other = stackInstruction(next) {
                    guard other.direction == first.direction else { break }
                    last = next
                    accesses += 1
                    if other.ends { break }
                } else if !isQuiet(next) {
                    break
                }
                next += 1
            }
            if accesses == 1 { continue }
            rows[number].groupLast = last
            rows[number].accesses = accesses
            for member in number + 1...last { rows[member].isGrouped = true }
            number = last
        }
    }

    /// Looks up all places of the group that begins here, and moves RSP over them, but for a RET's.
    private mutating func openGroup(_ op: UnsafeMutablePointer<lv_uop>, write: Bool) {
        let (last, accesses) = (rows[index].groupLast, rows[index].accesses)
        // Saving what follows from a register in the state block would take R14 later.
        if pending.register > 12 || pending.other > 12 { flushFlags() }
        willWrite(4)
        willClobber()
        let retry = a.offset
        let bytes = accesses * 8
        if write {
            a.loadAddress(Host.first, .at(Host.guestStack, -bytes))
        } else {
            a.load(Host.first, .register(Host.guestStack))
        }
        let stub = lookUp(op, bytes: bytes, write: write, retry: retry)
        stubs[stub].groupFirst = index
        stubs[stub].groupLast = last
        a.loadAddress(Host.second, .guest)
        let hasReturn = !write && stackInstruction(last)?.ends == true
        moveStack(write ? -bytes : hasReturn ? bytes - 8 : bytes)
        group = StackGroup(stub: stub, last: last, displacement: write ? bytes - 8 : 0, step: write ? -8 : 8)
    }

    /// The instruction's place on the stack, where it is in a group; the first looks it up. `closeGroup` must follow.
    mutating func groupPlace(_ op: UnsafeMutablePointer<lv_uop>, write: Bool) -> HostOperand? {
        if rows[index].groupLast > index { openGroup(op, write: write) }
        guard let open = group else { return nil }
        group?.displacement += open.step
        return .at(Host.second, open.displacement)
    }

    /// What the look-up of a group does not serve; R13 is the linear address.
    mutating func writeApart(_ stub: NativeStub) {
        let bytes = Int(stub.accessKind & NativeRecord.bytes)
        a.arithmeticImmediate(4, .register(Host.first), 0xfff, size: 2)
        a.arithmeticImmediate(7, .register(Host.first), 4096 - bytes, size: 2)
        let crossing = a.jump(Assembler.jumpIf(7))
        writeHelp(stub)
        a.bindHere(crossing)
        (pending, hostFlags, group) = (stub.pending, FlagSet.none, nil)
        (loadedVectors, dirtyVectors) = (stub.loadedVectors, stub.dirtyVectors)
        rows[stub.groupFirst].groupLast = -1
        for number in stub.groupFirst...stub.groupLast {
            guard let op = rows[number].op else { return }
            index = number
            part = trace.parts[rows[number].part]
            // Each of them may fault.
            liveFlags[number] = true
            instruction(op)
        }
        if stackInstruction(stub.groupLast)?.ends == true { return }
        flushFlags()
        if stub.restoresFlags {
            hostFlags = FlagSet.none
            need(FlagSet.all)
            loadVectors(stub.vectorsAfter)
        }
        a.jump(to: stub.next)
    }

    /// Nothing but the pinned registers and the budget is in host registers, before and behind.
    mutating func leaveToRoutine(_ row: TraceRow) {
        guard let op = row.op else { return }
        let part = trace.parts[row.part]
        let record = makeRecord(op, part.block.header, part.behind, kind: 0)
        loadRecord(record)
        a.jump(to: thunks.help)
        record.pointee.next = memory.address(a.offset)
        record.pointee.retry = record.pointee.next
    }

    /// Behind each instruction that was given a place.
    mutating func closeGroup() {
        guard let open = group, open.last == index else { return }
        stubs[open.stub].next = a.offset
        stubs[open.stub].vectorsAfter = loadedVectors
        stubs[open.stub].restoresFlags = hostFlags != 0
        group = nil
    }
}

/// One instruction of a trace, and its place in a stack group.
struct TraceRow {
    var op: UnsafeMutablePointer<lv_uop>?
    var part = 0
    /// Of a group's first instruction: the index of the last, and how many use the stack.
    var groupLast = -1, accesses = 0
    /// Behind the first of a group.
    var isGrouped = false
}
