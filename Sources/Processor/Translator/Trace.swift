import CHost

/// A block of a trace, and how the trace leaves it.
struct TracePart {
    enum Way {
        /// The trace ends: the block's own ways out.
        case ends
        /// Goes on at the target of its jump or call, or where its Jcc leads when it is taken.
        case taken
        /// Goes on behind it.
        case fallsThrough
    }
    let block: UnsafeMutablePointer<Block>
    var way = Way.ends
    /// Instructions of the parts behind this one.
    var behind = 0

    init(_ block: UnsafeMutablePointer<Block>) { self.block = block }
}

/// Which blocks become one piece of host code: from the first one on, along the ways that were gone most, within its page.
///
///     head ── jmp ──► part ── jcc ──► part ── jcc ──► head again: the loop is written several times, up to `unrolled` instructions
///                              └─ other way: a stub gives back the instructions that are not executed
///
/// All parts lie in one page, so that they die together; the head's entry counts the instructions of all.
struct Trace {
    static let longest = 64
    /// A loop is written again while it is not longer than this.
    private static let unrolled = 32

    private(set) var parts: InlineArray<40, TracePart>
    private(set) var partCount = 1
    /// Instructions of all parts.
    private(set) var count: Int
    private let head: UnsafeMutablePointer<Block>

    /// The head alone.
    init(_ head: UnsafeMutablePointer<Block>) {
        self.head = head
        parts = InlineArray(repeating: TracePart(head))
        count = Int(head.pointee.count)
    }

    /// `find`: the block at a RIP of the head's page, nil where there is none; decoded if it must be and can be. `threshold`: executions after
    /// which a block is translated.
    init(_ head: UnsafeMutablePointer<Block>, threshold: UInt16, find: (UInt64, Bool) -> UnsafeMutablePointer<Block>?) {
        self.init(head)
        while partCount < parts.count, let (way, next) = step(threshold, find) {
            if next == head {
                parts[partCount - 1].way = way
                unroll()
                break
            }
            guard count + Int(next.pointee.count) <= Self.longest, !contains(next) else { break }
            parts[partCount - 1].way = way
            parts[partCount] = TracePart(next)
            partCount += 1
            count += Int(next.pointee.count)
        }
        var behind = 0
        for number in stride(from: partCount - 1, through: 0, by: -1) {
            parts[number].behind = behind
            behind += Int(parts[number].block.pointee.count)
        }
    }

    private func contains(_ block: UnsafeMutablePointer<Block>) -> Bool {
        for number in 0..<partCount where parts[number].block == block { return true }
        return false
    }

    /// The last part leads to the head: writes the whole again.
    private mutating func unroll() {
        let (length, instructions) = (partCount, count)
        while count + instructions <= Self.unrolled, partCount + length <= parts.count {
            for number in 0..<length { parts[partCount + number] = parts[number] }
            partCount += length
            count += instructions
        }
    }

    // MARK: the next block

    private typealias Choice = (way: TracePart.Way, block: UnsafeMutablePointer<Block>)

    private func step(_ threshold: UInt16, _ find: (UInt64, Bool) -> UnsafeMutablePointer<Block>?) -> Choice? {
        let block = parts[partCount - 1].block
        let last = block.lastInstruction
        let behind = block.pointee.rip &+ UInt64(block.pointee.length)
        let target = behind &+ UInt64(bitPattern: Int64(last.pointee.displacement))
        let size = Int(last.pointee.flags) & LV_UOP_SIZE_MASK
        func at(_ rip: UInt64, decoding: Bool = false) -> UnsafeMutablePointer<Block>? {
            guard rip &>> 12 == head.pointee.rip &>> 12, let block = find(rip, decoding), block.pointee.secondPage == Block.none else {
                return nil
            }
            return block
        }
        // Safety: rows only hold operations of the enumeration.
        let operation = Operation(rawValue: last.pointee.operation) ?? .undefined
        switch operation {
        case .jmp where size != 1: return at(target).map { (.taken, $0) }
        case .call where size == 3: return at(target).map { (.taken, $0) }
        case .jcc where size != 1:
            let links = UOp(last + 1)
            let taken = Int(last.pointee.immediate) & 1
            return better(
                at(target).map { (.taken, $0) }, links.wasFollowed(taken), at(behind).map { (.fallsThrough, $0) },
                links.wasFollowed(1 - taken), threshold)
        // The interpreter does one instruction alone in the shadow of STI, so that the block behind it is not there for having run.
        case .sti: return at(behind, decoding: true).map { (.fallsThrough, $0) }
        // Not string operations: each may retire many instructions, which only the next entry looks at.
        case .cli, .popf: return at(behind).map { (.fallsThrough, $0) }
        default: return operation.endsBlock ? nil : at(behind).map { (.fallsThrough, $0) }
        }
    }

    /// The one of a Jcc's two ways that ran more often.
    private func better(
        _ taken: Choice?, _ wasTaken: Bool, _ other: Choice?, _ otherWasTaken: Bool, _ threshold: UInt16
    ) -> Choice? {
        if threshold == 0 { return other ?? taken }
        let weight = { (choice: Choice?, isUsed: Bool) -> Int in
            guard let choice, isUsed else { return 0 }
            if choice.block == head { return Int(threshold) + 1 }
            return choice.block.pointee.native != 0 ? Int(threshold) : Int(threshold) - Int(choice.block.header.pointee.operation)
        }
        let (first, second) = (weight(taken, wasTaken), weight(other, otherWasTaken))
        guard max(first, second) * 2 > Int(threshold) else { return nil }
        return first > second ? taken : other
    }
}

extension UnsafeMutablePointer<Block> {
    /// The last instruction's micro-op.
    var lastInstruction: UnsafeMutablePointer<lv_uop> {
        var uop = header + 1
        for _ in 1..<max(1, Int(pointee.count)) { uop += uop.pointee.flags & UInt16(LV_UOP_WIDE) != 0 ? 2 : 1 }
        return uop
    }
}

extension UnsafePointer<lv_uop> {
    /// Of a slot of links: the interpreter went this way to a block of the page.
    fileprivate func wasFollowed(_ number: Int) -> Bool { link(number) != self + 1 + number }
}
