import CHost

/// From RIP to a runnable block: fetch, decode, choose handlers, link.
extension Interpreter {
    /// Instructions of one block at most.
    private static let longest = 48
    static let longestInstruction = 15
    /// Slots of a block at most.
    private static let mostSlots = longest * 3 + 12

    /// The header of the block at `vp.rip` in the present context; nil: a fault is recorded, or the engine refuses.
    func findBlock() -> UnsafeMutablePointer<Block>? {
        let rip = vp.pointee.rip
        let linear = codeLinear(rip)
        let user = vp.pointee.cpl == 3
        if vp.pointee.mode != 2, rip > UInt64(codeLimit) {
            raise(vp, ExceptionVector.generalProtection, 0)
            return nil
        }
        guard let physical = fetchAddress(linear, user: user) else { return nil }
        let key = rip ^ vp.pointee.context_key
        let base = vp.pointee.mode == 2 ? 0 : codeBase
        let limit = vp.pointee.mode == 2 ? 0 : codeLimit
        if let block = blocks.find(physical: physical, key: key, codeBase: base, codeLimit: limit) {
            if block.pointee.secondPage == Block.none { return block }
            guard let second = fetchAddress((linear & ~0xfff &+ 4096) & (vp.pointee.mode == 2 ? ~0 : 0xffff_ffff), user: user) else {
                return nil
            }
            if second == block.pointee.secondPage { return block }
        }
        return buildBlock(rip: rip, linear: linear, physical: physical, key: key, codeBase: base, codeLimit: limit)
    }

    private func codeLinear(_ rip: UInt64) -> UInt64 { vp.pointee.mode == 2 ? rip : (rip &+ codeBase) & 0xffff_ffff }

    /// Physical address of an instruction byte; nil: #PF or #GP is recorded, or there is no RAM and the engine refuses.
    private func fetchAddress(_ linear: UInt64, user: Bool) -> UInt64? {
        if let entry = blocks.execute(linear, user: user) {
            blocks.noteCode(entry)
            return entry.pointee.physical | linear & 0xfff
        }
        if vp.pointee.mode == 2, !isCanonical(linear) {
            raise(vp, ExceptionVector.generalProtection, 0)
            return nil
        }
        let result = walk(linear, PageAccess(write: false, execute: true, user: user))
        if result.fault >= 0 {
            vp.pointee.cr2 = linear
            raise(vp, ExceptionVector.pageFault, UInt32(result.fault))
            return nil
        }
        guard let host = physicalPage(result.physical).host else {
            _ = refuse("instruction fetch outside memory at physical address 0x\(String(result.physical, radix: 16))")
            return nil
        }
        blocks.keepExecute(linear, user: user, result, host: host)
        return result.physical | linear & 0xfff
    }

    private func buildBlock(
        rip: UInt64, linear: UInt64, physical: UInt64, key: UInt64, codeBase: UInt64, codeLimit: UInt32
    ) -> UnsafeMutablePointer<Block>? {
        let user = vp.pointee.cpl == 3
        let single = vp.pointee.context_key &>> 56 & BlockContext.single != 0
        let mode = vp.pointee.mode
        guard let host = blocks.execute(linear, user: user)?.pointee.host else { return nil }
        let inPage = 4096 - Int(linear & 0xfff)
        // Code is marked before it is read: afterwards no store to it goes unnoticed. The stretch is an estimate that grows below. What
        // others ask meanwhile is done at the end: a request that takes the mark back must find the block.
        var marked = min(inPage, single ? 16 : 64)
        group.markCode(physical, count: marked, by: channel)

        guard let block = blocks.reserve(uops: Self.mostSlots) else {
            dropCode()
            return buildBlock(rip: rip, linear: linear, physical: physical, key: key, codeBase: codeBase, codeLimit: codeLimit)
        }
        block.initialize(
            to: Block(
                rip: rip, key: key, physical: physical, secondPage: Block.none, codeBase: codeBase, codeLimit: codeLimit, count: 0,
                length: 0, isAlive: 1))
        var writer = BlockWriter(
            block: block, vp: vp, hot: !single && mode == 2 && vp.pointee.context_key &>> 56 & BlockContext.checked == 0)
        let code = (host + Int(linear & 0xfff)).assumingMemoryBound(to: UInt8.self)
        let ripMask: UInt64 = mode == 2 ? ~0 : mode == 1 ? 0xffff_ffff : 0xffff
        var offset = 0
        var count = 0
        var isOpen = true
        while isOpen, count < (single ? 1 : Self.longest), offset < inPage {
            if offset + Self.longestInstruction > marked, marked < inPage {
                group.markCode(physical &+ UInt64(marked), count: min(inPage - marked, 64), by: channel)
                marked = min(inPage, marked + 64)
            }
            var decoder = Decoder(bytes: code + offset, available: inPage - offset, mode: mode)
            var result = decoder.decode(InstructionTable.shared)
            if case .needsMoreBytes = result {
                // An instruction over the page's end makes a block of its own.
                if count > 0 { break }
                guard let second = fetchAddress((linear & ~0xfff &+ 4096) & (mode == 2 ? ~0 : 0xffff_ffff), user: user) else { return nil }
                guard let decoded = decodeAcross(code, inPage, second, mode) else { return nil }
                result = decoded
                block.pointee.secondPage = second
            }
            var instruction: DecodedInstruction
            switch result {
            case .instruction(let decoded): instruction = decoded
            case .tooLong, .needsMoreBytes:
                instruction = DecodedInstruction()
                instruction.uop.immediate = Int32(ExceptionVector.generalProtection)
                instruction.uop.length = 1
            case .undefined:
                instruction = DecodedInstruction()
                instruction.uop.length = 1
            }
            let length = Int(instruction.uop.length)
            if mode != 2, (rip &+ UInt64(offset)) & ripMask &+ UInt64(length) &- 1 > UInt64(codeLimit) {
                if count > 0 { break }
                raise(vp, ExceptionVector.generalProtection, 0)
                return nil
            }
            isOpen = writer.append(instruction, offset: offset, ripMask: ripMask)
            offset += length
            count += 1
            if block.pointee.secondPage != Block.none { break }
        }
        if isOpen { writer.fallThrough(to: (rip &+ UInt64(offset)) & ripMask) }
        block.pointee.length = UInt32(offset)
        block.pointee.count = UInt32(count)
        writer.finish(count: count)
        if let translator, writer.hot { translator.watch(block) }
        blocks.commit(block, end: writer.end)
        ownCounters.blocksDecoded &+= 1
        // Somebody may have changed the code while it was read: then the block dies before it runs.
        serveRequests()
        if block.pointee.isAlive == 0 { return findBlock() }
        return block
    }

    /// The block at a RIP of a block's page, in its context; `decoding`: which is decoded where there is none yet and that is certain to
    /// change nothing else. nil: none. The block itself may be dead afterwards.
    func blockBeside(_ block: UnsafeMutablePointer<Block>, at rip: UInt64, decoding: Bool) -> UnsafeMutablePointer<Block>? {
        let physical = block.pointee.physical & ~0xfff | rip & 0xfff
        let key = rip ^ block.pointee.rip ^ block.pointee.key
        if let found = blocks.find(physical: physical, key: key, codeBase: 0, codeLimit: 0) { return found }
        guard decoding, rip & 0xfff <= 4096 - UInt64(Self.longestInstruction), blocks.hasRoom(uops: Self.mostSlots) else { return nil }
        guard let built = buildBlock(rip: rip, linear: rip, physical: physical, key: key, codeBase: 0, codeLimit: 0) else { return nil }
        return built.pointee.isAlive != 0 && block.pointee.isAlive != 0 && built.pointee.rip == rip ? built : nil
    }

    /// Forgets all blocks and their native code. Precondition: none is being executed.
    func dropCode() {
        blocks.reset()
        translator?.reset()
    }

    /// Decodes an instruction that lies on two pages, from a copy of its bytes.
    private func decodeAcross(_ code: UnsafePointer<UInt8>, _ inPage: Int, _ second: UInt64, _ mode: UInt32) -> DecodeResult? {
        group.markCode(second, count: Self.longestInstruction, by: channel)
        guard let rest = physicalPage(second).host else { return nil }
        return Self.withBytesAcross(code, inPage, rest) {
            var decoder = Decoder(bytes: $0, available: Self.longestInstruction, mode: mode)
            return decoder.decode(InstructionTable.shared)
        }
    }

    /// A copy of an instruction's bytes of which `inPage` lie in one page and the rest at another's begin.
    static func withBytesAcross<Result>(
        _ code: UnsafeRawPointer, _ inPage: Int, _ rest: UnsafeRawPointer, _ body: (UnsafePointer<UInt8>) -> Result
    ) -> Result {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: longestInstruction) { buffer in
            for index in 0..<longestInstruction {
                let (page, offset) = index < inPage ? (code, index) : (rest, index - inPage)
                buffer[index] = page.load(fromByteOffset: offset, as: UInt8.self)
            }
            return body(UnsafePointer(buffer.baseAddress.unsafelyUnwrapped))
        }
    }
}
