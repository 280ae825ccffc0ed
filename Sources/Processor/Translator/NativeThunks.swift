import CHost

/// The pieces of code that all blocks share, at the start of the code memory.
///
/// Registers in generated code: RSP is the state block. RAX RCX RDX RBX RBP RSI RDI R8–R12 hold the guest's registers of the same name, R15
/// its RSP; its R13, R14 and R15 are in the state block. R13 and R14 are scratch. XMM0–15 hold what the block translation says; between
/// traces XMM15 holds the instructions that may still be run. The x87 holds the guest's while `native_x87` is set.
/// `native_stack` is the host's stack, 16-byte aligned, on which the state block's address lies: a helper runs there.
struct NativeThunks {
    /// A `Handler`: enters the native code of the block whose header it is given.
    private(set) var enter = 0
    /// R14 = record. Calls `nativeHelper` and goes on where it says.
    private(set) var help = 0
    /// Loads the host's flags from the state block; R13 and R14 are lost.
    private(set) var restoreFlags = 0
    /// R14 = link, header or nothing: leaves to the handler.
    private(set) var leaveLink = 0, leaveJump = 0, leaveLimit = 0

    /// Guest registers that are pinned, and where.
    static let pinned: [(guest: Int, host: Int)] =
        [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12].map { ($0, $0) } + [(4, Host.guestStack)]

    init(_ a: inout Assembler, _ memory: CodeMemory) {
        writeEnter(&a)
        writeHelp(&a)
        writeRestoreFlags(&a, memory)
        leaveLink = writeLeave(&a, nativeLinkHandler)
        leaveJump = writeLeave(&a, nativeJumpHandler)
        leaveLimit = writeLeave(&a, nativeLimitHandler)
    }

    private func spill(_ a: inout Assembler) {
        for (guest, host) in Self.pinned { a.store(.state(StateLayout.register(guest)), host) }
        a.storeBudget()
    }
    private func reload(_ a: inout Assembler) {
        for (guest, host) in Self.pinned { a.load(host, .state(StateLayout.register(guest))) }
        a.loadBudget()
    }

    private static let saved = [Host.rbx, Host.rbp, 12, 13, 14, 15]

    private static func push(_ a: inout Assembler, _ register: Int) {
        if register >= 8 { a.byte(0x41) }
        a.byte(0x50 | register & 7)
    }
    private static func pop(_ a: inout Assembler, _ register: Int) {
        if register >= 8 { a.byte(0x41) }
        a.byte(0x58 | register & 7)
    }

    /// LDMXCSR (2) or STMXCSR (3).
    private static func control(_ a: inout Assembler, _ digit: Int, _ offset: Int) { a.operation(2, 0x0fae, digit, .state(offset)) }

    /// With the guest's MXCSR in the host: keeps it and puts the host's back.
    private func saveVectors(_ a: inout Assembler) {
        a.arithmeticImmediate(7, .state(StateLayout.vectorState), 2, size: 2)
        let skip = a.shortJump(5)
        Self.control(&a, 3, StateLayout.mxcsr)
        Self.control(&a, 2, StateLayout.hostMXCSR)
        a.bindShort(skip)
    }

    private mutating func writeEnter(_ a: inout Assembler) {
        enter = a.offset
        for register in Self.saved { Self.push(&a, register) }
        Self.push(&a, Host.rdi)
        a.store(.at(Host.rdi, StateLayout.hostStack), Host.rsp)
        a.load(Host.rsp, .register(Host.rdi))
        a.load(13, .state(StateLayout.sliceEnd))
        a.store(.state(StateLayout.base), 13)
        a.arithmetic(5, into: 13, .state(StateLayout.retired), size: 3)
        a.store(.state(StateLayout.budget), 13)
        a.storeImmediate(.state(StateLayout.vectorState), 0, size: 2)
        a.load(14, .at(Host.rsi, Block.nativeOffset - MemoryLayout<Block>.stride))
        reload(&a)
        a.operation(2, 0xff, 4, .register(14))
    }

    private mutating func writeHelp(_ a: inout Assembler) {
        help = a.offset
        spill(&a)
        saveVectors(&a)
        callHelper(&a, nativeHelper, record: 14)
        a.operation(3, 0x85, Host.rax, .register(Host.rax))
        let leave = a.jump(Assembler.jumpIf(4))
        a.arithmeticImmediate(7, .state(StateLayout.vectorState), 2, size: 2)
        let skip = a.shortJump(5)
        Self.control(&a, 2, StateLayout.mxcsr)
        a.bindShort(skip)
        a.load(13, .register(Host.rax))
        reload(&a)
        a.operation(2, 0xff, 4, .register(13))
        a.bindHere(leave)
        a.load(Host.rax, .state(StateLayout.result), size: 2)
        leaveFrame(&a)
        a.byte(0xc3)
    }

    /// Calls on the host's stack; the result is in RAX, RSP the state block again.
    private func callHelper(_ a: inout Assembler, _ helper: NativeHelper, record: Int) {
        a.load(Host.rdi, .register(Host.rsp))
        a.load(Host.rsi, .register(record))
        a.load(Host.rsp, .state(StateLayout.hostStack))
        a.constant(Host.rax, UInt64(UInt(bitPattern: unsafeBitCast(helper, to: UnsafeRawPointer.self))))
        a.operation(2, 0xff, 2, .register(Host.rax))
        a.load(Host.rsp, .at(Host.rsp))
    }

    /// Back to the host's stack and registers.
    private func leaveFrame(_ a: inout Assembler) {
        a.load(Host.rsp, .state(StateLayout.hostStack))
        Self.pop(&a, Host.rdi)
        for register in Self.saved.reversed() { Self.pop(&a, register) }
    }

    private func writeLeave(_ a: inout Assembler, _ handler: Handler) -> Int {
        let start = a.offset
        spill(&a)
        saveVectors(&a)
        a.load(Host.rsi, .register(14))
        leaveFrame(&a)
        a.constant(Host.rax, UInt64(UInt(bitPattern: unsafeBitCast(handler, to: UnsafeRawPointer.self))))
        a.operation(2, 0xff, 4, .register(Host.rax))
        return start
    }

    /// A table by kind; the translator's kinds from which the flags follow by one instruction take it, the rest asks Swift.
    private mutating func writeRestoreFlags(_ a: inout Assembler, _ memory: CodeMemory) {
        let general = a.offset
        spill(&a)
        saveVectors(&a)
        callHelper(&a, nativeFlagsHelper, record: 14)
        a.load(13, .register(Host.rax))
        a.arithmeticImmediate(7, .state(StateLayout.vectorState), 2, size: 2)
        let skip = a.shortJump(5)
        Self.control(&a, 2, StateLayout.mxcsr)
        a.bindShort(skip)
        reload(&a)
        Self.push(&a, 13)
        a.byte(0x9d)
        comeBack(&a)
        let count = 128
        var entries = [Int](repeating: general, count: count)
        let (result, first, second) = (StateLayout.flagsResult, StateLayout.flagsA, StateLayout.flagsB)
        for size in 0..<4 {
            entries[PendingFlags.code(.logic, size)] = a.offset
            a.load(13, .state(result))
            a.operation(size, size == 0 ? 0x84 : 0x85, 13, .register(13))
            comeBack(&a)
            entries[PendingFlags.code(.compare, size)] = a.offset
            a.load(13, .state(first))
            a.arithmetic(7, into: 13, .state(second), size: size)
            comeBack(&a)
            entries[PendingFlags.code(.subtract, size)] = a.offset
            a.load(13, .state(result))
            a.arithmetic(0, into: 13, .state(second), size: 3)
            a.arithmetic(7, into: 13, .state(second), size: size)
            comeBack(&a)
            entries[PendingFlags.code(.add, size)] = a.offset
            a.load(13, .state(result))
            a.arithmetic(5, into: 13, .state(second), size: 3)
            a.arithmetic(0, into: 13, .state(second), size: size)
            comeBack(&a)
            entries[PendingFlags.code(.addition, size)] = a.offset
            a.load(13, .state(first))
            a.arithmetic(0, into: 13, .state(second), size: size)
            comeBack(&a)
        }
        while a.offset & 7 != 0 { a.byte(0x90) }
        let table = a.offset
        for entry in entries { a.quad(memory.address(entry)) }
        restoreFlags = a.offset
        // The return address leaves the stack, so that RSP is the state block again.
        a.operation(2, 0x8f, 0, .state(StateLayout.returnAddress))
        a.load(13, .state(StateLayout.flagsKind), size: 2)
        a.arithmeticImmediate(7, .register(13), count, size: 2)
        a.jump(to: general, Assembler.jumpIf(3))
        // LEA R14, [RIP + table]
        a.byte(0x4c)
        a.byte(0x8d)
        a.byte(0x35)
        a.double(table - a.offset - 4)
        a.operation(2, 0xff, 4, .indexed(14, 13, 3))
    }

    private func comeBack(_ a: inout Assembler) { a.operation(2, 0xff, 4, .state(StateLayout.returnAddress)) }
}
