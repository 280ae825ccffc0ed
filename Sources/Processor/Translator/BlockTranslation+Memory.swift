import CHost

/// Guest memory operands: address, look-up in the TLB, and what happens when it does not serve.
extension BlockTranslation {
    /// The linear address of a memory operand into R13; R14 may be lost. Flags of the host are kept unless FS or GS is in it.
    mutating func address(_ op: UnsafeMutablePointer<lv_uop>) {
        loadEffectiveAddress(op, into: Host.first)
        guard op.pointee.segment >= UInt8(LV_FS) else { return }
        if op.pointee.base != UInt8(LV_NO_REGISTER) || op.pointee.index != UInt8(LV_NO_REGISTER) {
            // AMD's processors want the offset canonical too: else the routine raises.
            a.load(Host.second, .register(Host.first))
            a.operation(3, 0xc1, 4, .register(Host.second))
            a.byte(16)
            a.operation(3, 0xc1, 7, .register(Host.second))
            a.byte(16)
            a.arithmetic(7, .register(Host.second), Host.first, size: 3)
            var stub = NativeStub(kind: .help, jump: a.jump(Assembler.jumpIf(5)))
            fill(&stub, op, kind: 0)
            addStub(stub)
        }
        a.arithmetic(0, into: Host.first, .state(StateLayout.segmentBase(Int(op.pointee.segment))), size: 3)
    }

    /// LEA of the operand's offset; 64 bits.
    mutating func loadEffectiveAddress(_ op: UnsafeMutablePointer<lv_uop>, into register: Int) {
        let displacement = Int(op.pointee.displacement)
        if op.pointee.base == UInt8(LV_BLOCK_RIP) {
            a.constant(register, block.pointee.rip &+ UInt64(bitPattern: Int64(displacement)))
            return
        }
        let hasBase = op.pointee.base < 16
        let hasIndex = op.pointee.index < 16
        if !hasBase, !hasIndex {
            a.constant(register, UInt64(bitPattern: Int64(displacement)))
            return
        }
        let base = hasBase ? inRegister(Int(op.pointee.base), Host.first) : -1
        let index = hasIndex ? inRegister(Int(op.pointee.index), Host.second) : -1
        if hasBase, !hasIndex, displacement == 0 {
            if register != base { a.load(register, .register(base)) }
            return
        }
        a.loadAddress(
            register,
            HostOperand(
                base: Int8(truncatingIfNeeded: base), index: Int8(truncatingIfNeeded: index), scale: op.pointee.shift,
                displacement: op.pointee.displacement))
    }

    /// Looks up the linear address in R13 for an access of `bytes`; afterwards `HostOperand.guest` is its memory. `finish` must be given the
    /// stub when the instruction is done. The host's flags are lost.
    mutating func lookUp(_ op: UnsafeMutablePointer<lv_uop>, bytes: Int, write: Bool, aligned: Bool = false, retry: Int) -> Int {
        if hasBMI2 {
            // RORX R14, R13, 7
            for byte in [0xc4, 0x43, 0xfb, 0xf0, 0xf5, 0x07] { a.byte(byte) }
        } else {
            a.load(Host.second, .register(Host.first))
            a.operation(3, 0xc1, 5, .register(Host.second))
            a.byte(7)
        }
        a.arithmeticImmediate(4, .register(Host.second), TranslationCache.mask, size: 2)
        a.arithmetic(6, into: Host.first, .indexed(Host.rsp, Host.second, 0, entries + (write ? 8 : 0)), size: 3)
        a.arithmeticImmediate(7, .register(Host.first), 4096 - bytes, size: 3)
        var stub = NativeStub(kind: .access, jump: a.jump(Assembler.jumpIf(7)))
        let kind = UInt64(bytes) | (write ? NativeRecord.write : 0) | (aligned ? NativeRecord.aligned : 0)
        fill(&stub, op, kind: kind)
        stub.retry = retry
        addStub(stub)
        let number = stubCount - 1
        if aligned {
            // TEST R13B, 15
            a.operation(0, 0xf6, 0, .register(Host.first))
            a.byte(15)
            var unaligned = stub
            unaligned.jump = a.jump(Assembler.jumpIf(5))
            addStub(unaligned)
        }
        a.load(Host.second, .indexed(Host.rsp, Host.second, 0, entries + 16))
        return number
    }

    /// Address and look-up of a memory operand. Pending flags that need the host's are saved before.
    mutating func access(_ op: UnsafeMutablePointer<lv_uop>, bytes: Int, write: Bool, aligned: Bool = false) -> Int {
        willClobber()
        let retry = a.offset
        address(op)
        return lookUp(op, bytes: bytes, write: write, aligned: aligned, retry: retry)
    }

    /// The whole address into R13, so that R14 is free.
    mutating func joinAddress() -> HostOperand {
        a.loadAddress(Host.first, .guest)
        return .at(Host.first)
    }

    func fill(_ stub: inout NativeStub, _ op: UnsafeMutablePointer<lv_uop>, kind: UInt64) {
        stub.op = op
        stub.header = header
        stub.behind = part.behind
        stub.accessKind = kind
        stub.pending = pending
        stub.dirtyVectors = dirtyVectors
        stub.loadedVectors = loadedVectors
        stub.retry = a.offset
    }

    /// Tells the stubs of an instruction, from the first on, what its end looks like. `first`: as `stubCount` was before it.
    mutating func finish(_ first: Int) {
        for number in first..<stubCount where stubs[number].kind == .access || stubs[number].kind == .help {
            stubs[number].next = a.offset
            stubs[number].vectorsAfter = loadedVectors
            stubs[number].restoresFlags = hostFlags != 0
        }
    }
}
