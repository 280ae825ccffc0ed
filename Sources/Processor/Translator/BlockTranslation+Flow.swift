import CHost

/// Ends of blocks: where the code goes on.
extension BlockTranslation {
    mutating func flow(_ op: UnsafeMutablePointer<lv_uop>, _ operation: Operation) {
        let form = Form(op)
        let behind = block.pointee.rip &+ UInt64(op.pointee.rip_offset) &+ UInt64(op.pointee.length)
        let target = behind &+ UInt64(bitPattern: Int64(op.pointee.displacement))
        switch operation {
        case .jcc where part.way != .ends:
            let condition = form.immediate & 15
            need(FlagSet.of(condition: condition))
            // The other way is a stub's: it saves what is pending here.
            var stub = NativeStub(kind: .side, jump: a.jump(Assembler.jumpIf(part.way == .taken ? condition ^ 1 : condition)))
            fill(&stub, op, kind: 0)
            stub.target = part.way == .taken ? behind : target
            addStub(stub)
            if !isLive { pending.isThere = false }
            return
        case .jmp where part.way != .ends: return
        case .call where part.way != .ends:
            pushReturn(op, behind)
            return
        case .jcc where form.size != 1:
            let condition = form.immediate & 15
            need(FlagSet.of(condition: condition))
            flushAll()
            let taken = a.jump(Assembler.jumpIf(condition))
            edge(to: behind)
            if isNear(target) {
                link(taken, target)
            } else {
                a.bindHere(taken)
                edge(to: target)
            }
        case .jmp where form.size != 1:
            flushAll()
            edge(to: target)
        case .call where form.size == 3:
            flushAll()
            pushReturn(op, behind)
            edge(to: target)
        case .ret where form.size == 3:
            flushAll()
            if let place = groupPlace(op, write: false) {
                a.load(Host.first, place)
                closeGroup()
            } else {
                accessStack(op, write: false)
                a.load(Host.first, .guest)
            }
            findTarget(op)
            moveStack(8)
            a.operation(2, 0xff, 4, .indexed(Host.rsp, Host.second, 0, StateLayout.targets + 16))
        case .jmpIndirect where form.size == 3:
            flushAll()
            guard loadTarget(form) else { return fallBack(op) }
            findTarget(op)
            a.operation(2, 0xff, 4, .indexed(Host.rsp, Host.second, 0, StateLayout.targets + 16))
        case .callIndirect where form.size == 3:
            flushAll()
            guard loadTarget(form) else { return fallBack(op) }
            findTarget(op)
            a.load(Host.second, .indexed(Host.rsp, Host.second, 0, StateLayout.targets + 16))
            a.store(.state(StateLayout.scratch), Host.second)
            let first = stubCount
            accessStack(op, write: true)
            storeReturn(behind)
            moveStack(-8)
            finish(first)
            a.operation(2, 0xff, 4, .state(StateLayout.scratch))
        default: fallBack(op)
        }
    }

    /// The target of an indirect branch into R13; false: a form for the routine.
    private mutating func loadTarget(_ form: Form) -> Bool {
        guard form.inMemory else {
            a.load(Host.first, operand(form.b))
            return true
        }
        if form.op.pointee.flags & UInt16(LV_UOP_ADDRESS32 | LV_UOP_ADDRESS16) != 0 || form.op.pointee.base == UInt8(LV_RIP) {
            return false
        }
        _ = access(form.op, bytes: 8, write: false)
        a.load(Host.first, .guest)
        return true
    }

    /// Finds the target in R13 in the table: R14 is then its entry's place. What is not there is left to the routine, which also finds what
    /// is wrong with the target, with nothing of the instruction done.
    private mutating func findTarget(_ op: UnsafeMutablePointer<lv_uop>) {
        // IMUL R14D, R13D, factor
        a.operation(2, 0x69, Host.second, .register(Host.first))
        a.double(Int(Int32(bitPattern: NativeTarget.factor)))
        a.operation(2, 0xc1, 5, .register(Host.second))
        a.byte(32 - StateLayout.targetBits - 5)
        a.arithmeticImmediate(4, .register(Host.second), (StateLayout.targetCount - 1) << 5, size: 2)
        let entry = { (offset: Int) in HostOperand.indexed(Host.rsp, Host.second, 0, StateLayout.targets + offset) }
        a.arithmetic(7, into: Host.first, entry(0), size: 3)
        miss(op)
        a.load(Host.first, .state(StateLayout.jumpTag))
        a.arithmetic(7, into: Host.first, entry(8), size: 3)
        miss(op)
    }

    private mutating func miss(_ op: UnsafeMutablePointer<lv_uop>) {
        var stub = NativeStub(kind: .help, jump: a.jump(Assembler.jumpIf(5)))
        fill(&stub, op, kind: 0)
        addStub(stub)
    }

    /// What a CALL does to the stack.
    private mutating func pushReturn(_ op: UnsafeMutablePointer<lv_uop>, _ behind: UInt64) {
        if let place = groupPlace(op, write: true) {
            if let small = Int32(exactly: Int64(bitPattern: behind)) {
                a.storeImmediate(place, Int(small), size: 3)
            } else {
                a.constant(Host.first, behind)
                a.store(place, Host.first)
            }
            closeGroup()
            return
        }
        let first = stubCount
        willWrite(4)
        accessStack(op, write: true)
        storeReturn(behind)
        moveStack(-8)
        finish(first)
    }

    /// Stores a return address at `HostOperand.guest`.
    private mutating func storeReturn(_ address: UInt64) {
        if let small = Int32(exactly: Int64(bitPattern: address)) {
            a.storeImmediate(.guest, Int(small), size: 3)
        } else {
            let memory = joinAddress()
            a.constant(Host.second, address)
            a.store(memory, Host.second)
        }
    }

    // MARK: direct jumps

    /// Patched jumps stay within a page: what lies at another page's address may change, the rest of an instruction there, too.
    private func isNear(_ target: UInt64) -> Bool {
        target >> 12 == block.pointee.rip >> 12 && target & 0xfff <= 4096 - UInt64(Interpreter.longestInstruction)
    }

    /// Goes on at an address; everything is in the state block.
    mutating func edge(to target: UInt64) {
        if isNear(target) {
            link(a.jump(), target)
            return
        }
        let entry = StateLayout.targets + NativeTarget.index(target) * MemoryLayout<NativeTarget>.stride
        a.constant(Host.first, target)
        a.arithmetic(7, into: Host.first, .state(entry), size: 3)
        far(target)
        a.load(Host.first, .state(StateLayout.jumpTag))
        a.arithmetic(7, into: Host.first, .state(entry + 8), size: 3)
        far(target)
        a.operation(2, 0xff, 4, .state(entry + 16))
    }

    private mutating func far(_ target: UInt64) {
        var stub = NativeStub(kind: .far, jump: a.jump(Assembler.jumpIf(5)))
        stub.target = target
        addStub(stub)
    }

    /// Makes a jump (the offset of its distance) one that is patched when its target is known.
    private mutating func link(_ jump: Int, _ target: UInt64) {
        let link = memory.record().assumingMemoryBound(to: NativeLink.self)
        link.initialize(
            to: NativeLink(target: target, site: a.place(jump), origin: memory.address(jump + 4), unlinked: 0, next: nil))
        var stub = NativeStub(kind: .link, jump: jump)
        stub.link = link
        addStub(stub)
    }
}
