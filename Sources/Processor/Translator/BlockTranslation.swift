import CHost

/// Translates one trace of 64-bit code into host code.
///
///     entry    count the instructions against the budget, or leave
///     body     instruction by instruction; guest memory through the TLB in line
///     ends     jumps to other traces: patched within the page, by the table of targets elsewhere
///     stubs    what the body rarely needs: TLB misses, page crossings, ways out of its middle, first jumps
///
/// Guest flags stay in the host's where they are used, are saved lazily (`PendingFlags`), and not at all where the next instruction that
/// sets them comes before anything could look. Vector registers are loaded when first used and stored at the end.
struct BlockTranslation {
    var a: Assembler
    let memory: CodeMemory
    let thunks: NativeThunks
    let trace: Trace
    /// The trace's bytes from physical address `bytesBegin` on, for vector instructions.
    let bytes: UnsafePointer<UInt8>
    let bytesBegin: UInt64
    /// Offset of the TLB of the block's privilege.
    let entries: Int
    let hasBMI2: Bool
    /// Instructions of a `PrivilegedKind` are left to their routines, which count them.
    let countsPrivileged: Bool
    let stubs: UnsafeMutablePointer<NativeStub>
    var stubCount = 0
    /// For each instruction: the flags that it leaves may be looked at.
    let liveFlags: UnsafeMutablePointer<Bool>
    var index = 0
    /// The trace's instructions, by index.
    var rows = InlineArray<64, TraceRow>(repeating: TraceRow())
    /// What the scratch registers hold of the guest's R13–R15.
    var held = HeldRegisters()
    /// The stack group that is open.
    var group: StackGroup?

    var pending = PendingFlags()
    /// Flags of the guest that the host's flags hold.
    var hostFlags = FlagSet.none
    /// Vector registers that the host has, and those of them that differ from the state block.
    var loadedVectors: UInt32 = 0, dirtyVectors: UInt32 = 0
    /// What `native_vector` is known to be at least.
    var vectorLevel = 0
    /// What the block's vector instructions need.
    var wantedLevel = 0

    /// The guest's XMM15 is used: then the state block has the budget.
    var budgetIsInMemory = false
    /// The x87 is known to hold the guest's state.
    var hasX87 = false
    /// The last x87 instruction, where FIP and FOP do not yet say so.
    var x87Note: X87Note?

    /// The part that is being translated.
    var part: TracePart
    var block: UnsafeMutablePointer<Block> { part.block }
    var header: UnsafeMutablePointer<lv_uop> { block.header }
    /// Its bytes.
    var code: UnsafePointer<UInt8> { bytes + Int(block.pointee.physical &- bytesBegin) }

    init(
        a: Assembler, memory: CodeMemory, thunks: NativeThunks, trace: Trace, bytes: UnsafePointer<UInt8>, bytesBegin: UInt64, entries: Int,
        hasBMI2: Bool, countsPrivileged: Bool,
        stubs: UnsafeMutablePointer<NativeStub>, liveFlags: UnsafeMutablePointer<Bool>
    ) {
        (self.a, self.memory, self.thunks, self.trace) = (a, memory, thunks, trace)
        (self.bytes, self.bytesBegin) = (bytes, bytesBegin)
        (self.entries, self.hasBMI2, self.stubs, self.liveFlags) = (entries, hasBMI2, stubs, liveFlags)
        self.countsPrivileged = countsPrivileged
        part = trace.parts[0]
    }

    var isLive: Bool { liveFlags[index] }

    /// Writes the trace's code; returns its entry (an offset).
    mutating func translate() -> Int {
        analyse()
        let entry = a.offset
        a.budget(.subtract, trace.count)
        // MOVMSKPD R13D, XMM15: the signs.
        a.operation(2, 0x0f50, Host.first, .register(Host.budget), prefix: 0x66)
        a.operation(2, 0x85, Host.first, .register(Host.first))
        addStub(NativeStub(kind: .limit, jump: a.jump(Assembler.jumpIf(5))))
        if budgetIsInMemory { a.storeBudget() }
        index = 0
        var isOpen = true
        for number in 0..<trace.partCount {
            part = trace.parts[number]
            var uop = header + 1
            for _ in 0..<Int(block.pointee.count) {
                isOpen = instruction(uop)
                uop += uop.pointee.flags & UInt16(LV_UOP_WIDE) != 0 ? 2 : 1
                index += 1
            }
        }
        releaseHeld()
        flushNote()
        if part.way != .ends {
            flushAll()
            edge(to: trace.parts[0].block.pointee.rip)
        } else if isOpen {
            flushAll()
            edge(to: block.pointee.rip &+ UInt64(block.pointee.length))
        }
        // Stubs of ways out add links to the list.
        var number = 0
        while number < stubCount {
            writeStub(number)
            number += 1
        }
        return entry
    }

    /// One instruction; false: it ends its block and has written the ways out, or the trace goes on elsewhere.
    @discardableResult mutating func instruction(_ op: UnsafeMutablePointer<lv_uop>) -> Bool {
        // Safety: rows only hold operations of the enumeration.
        let operation = Operation(rawValue: op.pointee.operation) ?? .undefined
        if x87Note != nil {
            releaseHeld()
            if !supersedesNote(op, operation) { flushNote() }
        } else if heldInstruction(op, operation) {
            return true
        } else if !leavesHeld(operation) {
            releaseHeld()
        }
        switch operation {
        case .jcc, .jmp, .call, .ret, .jmpIndirect, .callIndirect:
            flow(op, operation)
            return false
        default: break
        }
        if op.pointee.flags & UInt16(LV_UOP_ADDRESS32 | LV_UOP_ADDRESS16) == 0,
            op.pointee.flags & UInt16(LV_UOP_MEMORY) == 0 || op.pointee.base != UInt8(LV_RIP)
        {
            if integer(op, operation) || vector(op, operation) || x87(op, operation) { return true }
        }
        fallBack(op)
        return !operation.neverFallsThrough
    }

    // MARK: analysis

    /// Fills `liveFlags` and `wantedLevel` from the last instruction to the first.
    private mutating func analyse() {
        for number in 0..<trace.partCount {
            part = trace.parts[number]
            var uop = header + 1
            for _ in 0..<Int(block.pointee.count) {
                rows[index] = TraceRow(op: uop, part: number)
                uop += uop.pointee.flags & UInt16(LV_UOP_WIDE) != 0 ? 2 : 1
                index += 1
            }
        }
        findGroups(index)
        index = 0
        // Forwards: what each instruction does to the flags, in the place of its liveness.
        for number in 0..<trace.partCount {
            part = trace.parts[number]
            var uop = header + 1
            for _ in 0..<Int(block.pointee.count) {
                let operation = Operation(rawValue: uop.pointee.operation) ?? .undefined
                let level = vectorLevel(of: operation, uop)
                wantedLevel = max(wantedLevel, level)
                // Perhaps a general register of that number; it costs little.
                if level > 0, uop.pointee.a & 15 == Host.budget || uop.pointee.b & 15 == Host.budget { budgetIsInMemory = true }
                let effect = flagsEffect(uop, operation)
                liveFlags[Trace.longest + index] = effect.defines
                liveFlags[2 * Trace.longest + index] = effect.looks
                uop += uop.pointee.flags & UInt16(LV_UOP_WIDE) != 0 ? 2 : 1
                index += 1
            }
        }
        var live = true
        for number in stride(from: index - 1, through: 0, by: -1) {
            liveFlags[number] = live
            if liveFlags[Trace.longest + number] { live = false }
            if liveFlags[2 * Trace.longest + number] { live = true }
        }
    }

    /// `defines`: sets all six flags whatever they were. `looks`: the flags from before are used, or can be seen because the instruction may
    /// fault, be interrupted or is left to its routine.
    private func flagsEffect(_ op: UnsafeMutablePointer<lv_uop>, _ operation: Operation) -> (defines: Bool, looks: Bool) {
        let inMemory = op.pointee.flags & UInt16(LV_UOP_MEMORY) != 0
        switch operation {
        case .add, .or, .and, .sub, .xor, .cmp, .test, .neg, .imul, .imulImmediate: return (true, inMemory)
        case .shl, .shr, .sar:
            let count = Int(op.pointee.immediate) & (Int(op.pointee.flags) & LV_UOP_SIZE_MASK == 3 ? 63 : 31)
            let isFixed = op.pointee.immediate != 256 && count != 0
            return (isFixed, inMemory || !isFixed)
        case .mov, .movImmediate, .movzx, .movsx, .movsxd, .not: return (false, inMemory)
        case .lea, .nop, .pause, .bswap, .convertAccumulator, .convertDouble: return (false, false)
        case .xchg: return (false, inMemory)
        case .jmp where part.way != .ends: return (false, false)
        // Looked up with the first of its group.
        case .push, .pushImmediate, .pop: return (false, !rows[index].isGrouped)
        case .call where part.way != .ends: return (false, !rows[index].isGrouped)
        default: return (false, true)
        }
    }

    // MARK: registers

    /// Where a guest register is: a host register or its place in the state block.
    @inline(__always) func operand(_ guest: Int) -> HostOperand {
        let host = Self.host(guest)
        return host >= 0 ? .register(host) : .state(StateLayout.register(guest))
    }

    /// The host register of a guest register; −1: it is in the state block.
    @inline(__always) static func host(_ guest: Int) -> Int { guest == 4 ? Host.guestStack : guest < 13 ? guest : -1 }

    /// A host register that holds the guest register: its own, or `scratch` after a load.
    mutating func inRegister(_ guest: Int, _ scratch: Int) -> Int {
        let host = Self.host(guest)
        if host >= 0 { return host }
        a.load(scratch, .state(StateLayout.register(guest)))
        return scratch
    }

    /// Moves a host register to a guest register in the given size; 32 bits clear the upper half.
    mutating func setRegister(_ guest: Int, _ register: Int, size: Int) {
        let host = Self.host(guest)
        if host >= 0 {
            if host != register || size == 2 { a.load(host, .register(register), size: size) } else if size < 2 { return }
        } else if size == 2 {
            a.load(register, .register(register), size: 2)
            a.store(.state(StateLayout.register(guest)), register)
        } else {
            a.store(.state(StateLayout.register(guest)), register, size: size)
        }
    }

    /// Changes a guest register where it is. A 32-bit result clears the upper half, in the state block too, so it goes through R13 there.
    mutating func change(_ guest: Int, size: Int, _ write: (inout Assembler, HostOperand) -> Void) {
        let place = operand(guest)
        if place.isRegister || size != 2 { return write(&a, place) }
        a.load(Host.first, place, size: 2)
        write(&a, .register(Host.first))
        a.store(place, Host.first)
    }

    // MARK: flags

    /// Saves pending flags in the state block. Changes neither the host's flags nor any register but, for a register in the state block, R14.
    mutating func flushFlags() {
        guard pending.isThere else { return }
        save(pending)
        pending.isThere = false
    }

    mutating func save(_ flags: PendingFlags) {
        if flags.needsHost {
            a.operation(0, 0x0f92, 0, .state(StateLayout.flagsB))
            if flags.kind == .explicit { a.operation(0, 0x0f90, 0, .state(StateLayout.flagsB + 1)) }
        }
        if flags.kind != .raw, flags.kind != .rawLogic {
            keep(flags.register, flags.kind == .compare || flags.kind == .addition ? StateLayout.flagsA : StateLayout.flagsResult)
        }
        switch flags.kind {
        case .add, .compare, .subtract, .addition:
            if flags.other >= 0 {
                keep(flags.other, StateLayout.flagsB)
            } else {
                a.storeImmediate(.state(StateLayout.flagsB), Int(flags.constant), size: 3)
            }
        default: break
        }
        keepKind(flags.kind, flags.size)
    }

    mutating func keepKind(_ kind: PendingFlags.Kind, _ size: Int) {
        a.storeImmediate(.state(StateLayout.flagsKind), PendingFlags.code(kind, size), size: 2)
    }

    /// Stores a guest register to a field.
    mutating func keep(_ guest: Int, _ field: Int) {
        if let place = held.place(guest) { return a.store(.state(field), place) }
        if Self.host(guest) < 0 { release(Host.second) }
        a.store(.state(field), inRegister(guest, Host.second))
    }

    /// Saves the host's flags as they are.
    mutating func saveHostFlags(_ kind: PendingFlags.Kind) {
        a.byte(0x9c)
        // POP addresses memory with the RSP behind it.
        a.operation(2, 0x8f, 0, .state(StateLayout.flagsResult))
        keepKind(kind, 3)
    }

    /// New flags, all six, that follow from registers; `host`: those of them that the host's flags hold.
    mutating func define(_ flags: PendingFlags, host: Int) {
        pending = flags
        pending.isThere = isLive
        hostFlags = host
    }

    /// Before a guest register is written by an instruction that leaves the flags alone.
    mutating func willWrite(_ guest: Int) { if pending.uses(guest) { flushFlags() } }

    /// Before the host's flags are lost.
    mutating func willClobber() {
        if pending.isThere, pending.needsHost { flushFlags() }
        hostFlags = FlagSet.none
    }

    /// Brings flags into the host's. R13 and R14 may be lost.
    mutating func need(_ flags: Int) {
        if hostFlags & flags == flags { return }
        flushFlags()
        // The thunk may ask Swift, which keeps no vector registers.
        dropVectors()
        a.jump(to: thunks.restoreFlags, Assembler.call)
        hostFlags = FlagSet.all
    }

    // MARK: vectors

    mutating func flushVectors() {
        storeVectors(dirtyVectors)
        dirtyVectors = 0
    }

    mutating func storeVectors(_ set: UInt32) {
        var rest = set
        while rest != 0 {
            let number = rest.trailingZeroBitCount
            rest &= rest &- 1
            a.operation(2, 0x0f29, number, .state(StateLayout.vector(number)))
        }
    }

    mutating func loadVectors(_ set: UInt32) {
        var rest = set
        while rest != 0 {
            let number = rest.trailingZeroBitCount
            rest &= rest &- 1
            a.operation(2, 0x0f28, number, .state(StateLayout.vector(number)))
        }
    }

    /// None is taken for loaded any more, and the budget is in its place.
    mutating func dropVectors() {
        flushVectors()
        loadedVectors = 0
        if budgetIsInMemory { a.loadBudget() }
    }

    /// Everything that is only in host registers and not pinned goes to the state block.
    mutating func flushAll() {
        flushFlags()
        dropVectors()
    }

    // MARK: falling back

    /// Leaves an instruction to its routine, out of generated code and back.
    mutating func fallBack(_ op: UnsafeMutablePointer<lv_uop>) {
        flushAll()
        hostFlags = FlagSet.none
        hasX87 = false
        let record = makeRecord(op, header, part.behind, kind: NativeRecord.leavesX87)
        loadRecord(record)
        a.jump(to: thunks.help)
        record.pointee.next = memory.address(a.offset)
        record.pointee.retry = record.pointee.next
    }

    /// `header`: of the instruction's block; `behind`: instructions of the trace behind that.
    func makeRecord(
        _ op: UnsafeMutablePointer<lv_uop>, _ header: UnsafeMutablePointer<lv_uop>, _ behind: Int, kind: UInt64
    ) -> UnsafeMutablePointer<NativeRecord> {
        let record = memory.record().assumingMemoryBound(to: NativeRecord.self)
        record.initialize(
            to: NativeRecord(
                op: UOp(op), header: UOp(header), retry: 0, next: 0, kind: kind, remaining: UInt64(op.pointee.remaining) + UInt64(behind)))
        return record
    }

    /// LEA R14, [RIP + distance]
    mutating func loadRecord(_ record: UnsafeMutableRawPointer) {
        a.byte(0x4c)
        a.byte(0x8d)
        a.byte(0x35)
        let here = memory.address(a.offset + 4)
        a.double(Int(truncatingIfNeeded: UInt64(UInt(bitPattern: record)) &- here))
    }

    // MARK: stubs

    mutating func addStub(_ stub: NativeStub) {
        stubs[stubCount] = stub
        stubCount += 1
    }

    private mutating func writeStub(_ number: Int) {
        let stub = stubs[number]
        a.bindHere(stub.jump)
        switch stub.kind {
        case .limit:
            a.budget(.add, trace.count)
            a.constant(Host.second, UInt64(UInt(bitPattern: trace.parts[0].block.header)))
            a.jump(to: thunks.leaveLimit)
        case .link:
            // The link's record was made with the jump.
            let link = stub.link.unsafelyUnwrapped
            link.pointee.unlinked = Int32(truncatingIfNeeded: a.offset - stub.jump - 4)
            loadRecord(link)
            a.jump(to: thunks.leaveLink)
        case .side:
            if stub.pending.isThere { save(stub.pending) }
            storeVectors(stub.dirtyVectors)
            if budgetIsInMemory { a.loadBudget() }
            if stub.behind > 0 { a.budget(.add, stub.behind) }
            edge(to: stub.target)
        case .far:
            a.constant(Host.first, stub.target)
            a.store(.state(StateLayout.rip), Host.first)
            a.jump(to: thunks.leaveJump)
        case .access:
            // R13 is the offset in the page or garbage, R14 selects the entry: their XOR with the tag is the linear address again.
            a.arithmetic(
                6, into: Host.first, .indexed(Host.rsp, Host.second, 0, entries + (stub.accessKind & NativeRecord.write != 0 ? 8 : 0)),
                size: 3)
            a.store(.state(StateLayout.linear), Host.first)
            if stub.groupLast > stub.groupFirst {
                writeApart(stub)
            } else {
                writeHelp(stub)
            }
        case .help: writeHelp(stub)
        }
    }

    mutating func writeHelp(_ stub: NativeStub) {
        if stub.pending.isThere, !stub.pending.needsHost { save(stub.pending) }
        storeVectors(stub.dirtyVectors)
        if budgetIsInMemory { a.loadBudget() }
        let record = makeRecord(stub.op.unsafelyUnwrapped, stub.header.unsafelyUnwrapped, stub.behind, kind: stub.accessKind)
        loadRecord(record)
        a.jump(to: thunks.help)
        if stub.loadedVectors != 0 {
            record.pointee.retry = memory.address(a.offset)
            loadVectors(stub.loadedVectors)
            a.jump(to: stub.retry)
        } else {
            record.pointee.retry = memory.address(stub.retry)
        }
        record.pointee.next = memory.address(stub.next)
        if stub.groupLast > stub.groupFirst {
            record.pointee.next = memory.address(a.offset)
            for number in stub.groupFirst + 1...stub.groupLast { leaveToRoutine(rows[number]) }
            if !(stub.restoresFlags || stub.vectorsAfter != 0) { a.jump(to: stub.next) }
        }
        guard stub.restoresFlags || stub.vectorsAfter != 0 else { return }
        if stub.groupLast <= stub.groupFirst { record.pointee.next = memory.address(a.offset) }
        if stub.restoresFlags { a.jump(to: thunks.restoreFlags, Assembler.call) }
        loadVectors(stub.vectorsAfter)
        a.jump(to: stub.next)
    }
}

/// Code behind a trace that its body jumps to.
struct NativeStub {
    enum Kind { case limit, link, side, far, access, help }
    var kind: Kind
    /// Offset of the distance of the jump that leads here.
    var jump: Int
    var op: UnsafeMutablePointer<lv_uop>?
    /// The header of its block, and the instructions of the trace behind that.
    var header: UnsafeMutablePointer<lv_uop>?
    var behind = 0
    var accessKind: UInt64 = 0
    /// Offsets to go on at: the access again, or behind the instruction.
    var retry = 0, next = 0
    /// What stands in host registers when the body jumps here.
    var pending = PendingFlags()
    var dirtyVectors: UInt32 = 0, loadedVectors: UInt32 = 0
    /// What the body behind the instruction takes for granted.
    var vectorsAfter: UInt32 = 0
    var restoresFlags = false
    /// Of a stack group's look-up: its first and last instruction. Those behind the first are left to their routines where the first is.
    var groupFirst = -1, groupLast = -1
    var link: UnsafeMutablePointer<NativeLink>?
    var target: UInt64 = 0

    init(kind: Kind, jump: Int) { (self.kind, self.jump) = (kind, jump) }
}
