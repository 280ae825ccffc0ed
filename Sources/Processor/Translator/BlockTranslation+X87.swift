import CHost

/// The x87: one host instruction for one of the guest's, on the host's own stack of registers, which holds the guest's from the first x87
/// instruction on (`prepareX87`) until Swift code looks (`settleX87`).
///
/// All exceptions are masked then, so that nothing traps; with one that is not, with TS or EM, the routines do the work. Where the last
/// instruction stood (FIP, FOP, FDP) is noted behind it, once for several that cannot be told apart.
extension BlockTranslation {
    /// Address and opcode of an x87 instruction.
    struct X87Note {
        let rip: UInt64
        let opcode: Int
    }

    /// An instruction with code of its own here.
    private struct X87Form {
        /// The second byte of the escape opcode and of what follows: the decoder leaves FOP in the immediate.
        let escape: Int, modRM: Int
        /// Bytes in memory; 0: registers only.
        var bytes = 0
        var writes = false
        /// FIP, FOP and FDP are not changed: moves of the control and status words.
        var isControl = false

        var digit: Int { modRM >> 3 & 7 }
        var setsFlags: Bool { (escape == 3 || escape == 7) && (modRM & 0xf8 == 0xe8 || modRM & 0xf8 == 0xf0) }
        /// The condition of FCMOVcc.
        var condition: Int? {
            guard escape & 6 == 2, bytes == 0, modRM < 0xe0 else { return nil }
            return [2, 4, 6, 10][modRM >> 3 & 3] | escape & 1
        }

        init?(_ op: UnsafeMutablePointer<lv_uop>, _ operation: Operation) {
            guard BlockTranslation.x87Operations[Int(operation.rawValue)] else { return nil }
            let opcode = Int(op.pointee.immediate)
            (escape, modRM) = (opcode >> 8 & 7, opcode & 0xff)
            if op.pointee.flags & UInt16(LV_UOP_MEMORY) == 0 {
                switch operation {
                case .fninit, .feni, .fwait: return nil
                case .fnclex, .fnstswAX: isControl = true
                default: break
                }
                return
            }
            switch operation {
            case .fldenv, .fnstenv, .frstor, .fnsave: return nil
            case .fldcw: (bytes, isControl) = (2, true)
            case .fnstcw, .fnstsw: (bytes, writes, isControl) = (2, true, true)
            case .fldM80, .fbld: bytes = 10
            case .fstpM80, .fbstp: (bytes, writes) = (10, true)
            case .fildM64: bytes = 8
            case .fistpM64: (bytes, writes) = (8, true)
            default:
                bytes = [4, 4, 4, 4, 8, 8, 2, 2][escape]
                writes = escape & 1 != 0 && (digit == 2 || digit == 3)
            }
        }
    }

    /// By `Operation.rawValue`.
    private static let x87Operations: [Bool] = {
        var table = [Bool](repeating: false, count: Int(Operation.allCases.map(\.rawValue).max() ?? 0) + 1)
        for operation in Operation.allCases {
            table[Int(operation.rawValue)] =
                x87ArithmeticRoutine(operation) != nil || x87CompareRoutine(operation) != nil || x87MoveRoutine(operation) != nil
                || x87ControlRoutine(operation) != nil
        }
        return table
    }()

    mutating func x87(_ op: UnsafeMutablePointer<lv_uop>, _ operation: Operation) -> Bool {
        if operation == .fwait {
            // What it waits for is masked.
            let first = stubCount
            ensureX87(op)
            finish(first)
            return true
        }
        guard let form = X87Form(op, operation) else { return false }
        let first = stubCount
        ensureX87(op)
        if form.bytes > 0 {
            inMemory(op, operation, form)
        } else {
            if let condition = form.condition { need(FlagSet.of(condition: condition)) }
            if operation == .fnstswAX { willWrite(0) }
            a.byte(0xd8 | form.escape)
            a.byte(form.modRM)
            if form.setsFlags {
                pending.isThere = false
                if isLive { saveHostFlags(.raw) }
                hostFlags = FlagSet.all
            }
        }
        if !form.isControl {
            x87Note = X87Note(rip: block.pointee.rip &+ UInt64(op.pointee.rip_offset), opcode: Int(op.pointee.immediate) & 0x7ff)
        }
        // What the routine did instead has noted itself.
        if form.bytes > 0 || first != stubCount { flushNote() }
        finish(first)
        return true
    }

    private mutating func inMemory(_ op: UnsafeMutablePointer<lv_uop>, _ operation: Operation, _ form: X87Form) {
        _ = access(op, bytes: form.bytes, write: form.writes)
        if operation == .fldcw {
            // A word that leaves an exception unmasked is the routine's.
            a.operation(2, 0x0fb7, Host.first, .guest)
            a.store(.state(StateLayout.scratch), Host.first)
            a.operation(2, 0xf7, 2, .register(Host.first))
            a.operation(0, 0xf6, 0, .register(Host.first))
            a.byte(0x3f)
            var stub = NativeStub(kind: .help, jump: a.jump(Assembler.jumpIf(5)))
            fill(&stub, op, kind: 0)
            addStub(stub)
            a.operation(2, 0xd8 | form.escape, form.digit, .state(StateLayout.scratch))
        } else {
            a.operation(2, 0xd8 | form.escape, form.digit, .guest)
        }
        if form.isControl { return }
        loadEffectiveAddress(op, into: Host.first)
        a.store(.state(StateLayout.dataPointer), Host.first)
        a.storeImmediate(.state(StateLayout.x87Data), Int(op.pointee.segment) | Int(Int32.min), size: 2)
    }

    /// The host's x87 has the guest's state, or the routine does this instruction.
    private mutating func ensureX87(_ op: UnsafeMutablePointer<lv_uop>) {
        if hasX87 { return }
        willClobber()
        let start = a.offset
        a.arithmeticImmediate(7, .state(StateLayout.x87State), 1, size: 2)
        var stub = NativeStub(kind: .help, jump: a.jump(Assembler.jumpIf(5)))
        fill(&stub, op, kind: NativeRecord.x87)
        stub.retry = start
        addStub(stub)
        hasX87 = true
    }

    // MARK: notes

    /// Nothing can look between the last x87 instruction and this one, which notes itself.
    func supersedesNote(_ op: UnsafeMutablePointer<lv_uop>, _ operation: Operation) -> Bool {
        guard hasX87, op.pointee.flags & UInt16(LV_UOP_ADDRESS32 | LV_UOP_ADDRESS16) == 0, let form = X87Form(op, operation) else {
            return false
        }
        return form.bytes == 0 && !form.isControl && form.condition == nil
    }

    mutating func flushNote() {
        guard let note = x87Note else { return }
        x87Note = nil
        if let small = Int32(exactly: Int64(bitPattern: note.rip)) {
            a.storeImmediate(.state(StateLayout.instructionPointer), Int(small), size: 3)
        } else {
            a.constant(Host.first, note.rip)
            a.store(.state(StateLayout.instructionPointer), Host.first)
        }
        a.storeImmediate(.state(StateLayout.x87Opcode), note.opcode | Int(Int32.min), size: 2)
    }
}
