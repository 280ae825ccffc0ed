import CHost

/// Lays a block's micro-ops into the arena and chooses their handlers.
struct BlockWriter {
    private let block: UnsafeMutablePointer<Block>
    private let vp: VP
    /// Specialised handlers may be used: 64-bit code without alignment checks or stepping.
    let hot: Bool
    private var next: UnsafeMutablePointer<lv_uop>
    /// The last appended instruction, for fusion with a following Jcc; nil: none that could fuse.
    private var previous: UnsafeMutablePointer<lv_uop>?

    /// Behind the last uop.
    var end: UnsafeMutableRawPointer { UnsafeMutableRawPointer(next) }

    init(block: UnsafeMutablePointer<Block>, vp: VP, hot: Bool) {
        self.block = block
        self.vp = vp
        self.hot = hot
        next = block.header
        next.initialize(to: lv_uop())
        next.pointee.fn = unsafeBitCast(blockHeaderHandler, to: UnsafeRawPointer.self)
        Self.setTarget(next, block.pointee.rip)
        next += 1
    }

    private static func setTarget(_ uop: UnsafeMutablePointer<lv_uop>, _ rip: UInt64) {
        UnsafeMutableRawPointer(uop).storeBytes(of: rip, toByteOffset: 24, as: UInt64.self)
    }

    /// Adds an instruction; false: it ends the block and needs nothing behind it.
    mutating func append(_ instruction: DecodedInstruction, offset: Int, ripMask: UInt64) -> Bool {
        var uop = instruction.uop
        uop.rip_offset = UInt32(offset)
        if uop.base == LV_RIP, uop.flags & UInt16(LV_UOP_MEMORY) != 0 {
            let distance = Int(uop.displacement) + offset + Int(uop.length)
            if let fitting = Int32(exactly: distance) {
                uop.displacement = fitting
                uop.base = UInt8(LV_BLOCK_RIP)
            }
        }
        // Safety: rows only hold operations of the enumeration.
        let operation = Operation(rawValue: uop.operation) ?? .undefined
        if hot { normalise(&uop, operation) }
        uop.fn = unsafeBitCast(routineHandler, to: UnsafeRawPointer.self)
        let place = next
        place.initialize(to: uop)
        next += 1
        if let constant = instruction.constant {
            next.initialize(to: lv_uop())
            UnsafeMutableRawPointer(next).storeBytes(of: constant, as: UInt64.self)
            next += 1
            place.pointee.flags |= UInt16(LV_UOP_WIDE)
        }
        if hot, let handler = hotHandler(place, operation) { place.pointee.fn = handler }
        if let relative = operation.isRelativeBranch ? Int64(uop.displacement) : nil {
            let behind = block.pointee.rip &+ UInt64(offset) &+ UInt64(uop.length)
            let size = Int(uop.flags) & LV_UOP_SIZE_MASK
            let mask: UInt64 = ripMask & (size == 1 ? 0xffff : ~0)
            let target = (behind &+ UInt64(bitPattern: relative)) & mask
            if hot {
                // Handlers know the eight even conditions; the odd ones have their ways exchanged.
                if operation == .jcc, let previous, let fused = fusedHandler(previous, condition: Int(uop.immediate) & ~1) {
                    previous.pointee.fn = fused
                }
                if operation == .jcc, uop.immediate & 1 != 0 {
                    writeLinks(behind & ripMask, target)
                } else {
                    writeLinks(target, behind & ripMask)
                }
            }
            previous = nil
            return false
        }
        previous = place
        if operation.endsBlock {
            if !operation.neverFallsThrough { fallThrough(to: (block.pointee.rip &+ UInt64(offset) &+ UInt64(uop.length)) & ripMask) }
            return false
        }
        return true
    }

    /// The block goes on at `rip` (too long, or the page ends).
    mutating func fallThrough(to rip: UInt64) {
        if hot {
            next.initialize(to: lv_uop())
            next.pointee.fn = unsafeBitCast(gotoHandler, to: UnsafeRawPointer.self)
            next += 1
            writeLinks(rip, rip)
        } else {
            writeExit(rip, 0)
        }
    }

    /// The slot of links and the two exits they lead to at first.
    private mutating func writeLinks(_ taken: UInt64, _ notTaken: UInt64) {
        let slot = UnsafeMutableRawPointer(next)
        next.initialize(to: lv_uop())
        next += 1
        slot.storeBytes(of: UInt64(UInt(bitPattern: next)), as: UInt64.self)
        writeExit(taken, 0)
        slot.storeBytes(of: UInt64(UInt(bitPattern: next)), toByteOffset: 8, as: UInt64.self)
        writeExit(notTaken, 1)
    }

    private mutating func writeExit(_ rip: UInt64, _ number: UInt8) {
        next.initialize(to: lv_uop())
        let samePage = hot && rip &>> 12 == block.pointee.rip &>> 12
        let handler = !hot ? exitToLoopHandler : samePage ? exitAndLinkHandler : exitHandler
        next.pointee.fn = unsafeBitCast(handler, to: UnsafeRawPointer.self)
        next.pointee.a = number
        Self.setTarget(next, rip)
        next += 1
    }

    /// Writes what is known only at the end: the count, and each instruction's share of it.
    func finish(count: Int) {
        let header = block.header
        header.pointee.rip_offset = UInt32(count)
        var remaining = count
        var uop = header + 1
        while remaining > 0 {
            uop.pointee.remaining = UInt8(remaining)
            remaining -= 1
            uop += slots(uop)
        }
    }

    /// One, or two for an instruction with a 64-bit constant.
    private func slots(_ uop: UnsafeMutablePointer<lv_uop>) -> Int { Int(uop.pointee.flags & UInt16(LV_UOP_WIDE)) != 0 ? 2 : 1 }
}
