/// Where a command works: first block and number of blocks, read from the block of a 6-, 10-, 12- or 16-byte command.
struct BlockRange: Equatable, Sendable {
    var first: UInt64
    var count: UInt64

    /// By the group of the operation code (SPC-4 4.2.5.1).
    init(_ block: CommandBlock) {
        switch block.opcode.rawValue >> 5 {
        case 0:
            first = UInt64(block.long(0) & 0x1F_FFFF)
            // Zero means 256.
            count = block[4] == 0 ? 256 : UInt64(block[4])
        case 4:
            first = block.quad(2)
            count = UInt64(block.long(10))
        case 5:
            first = UInt64(block.long(2))
            count = UInt64(block.long(6))
        default:
            first = UInt64(block.long(2))
            count = UInt64(block.word(7))
        }
    }

    init(first: UInt64, count: UInt64) { (self.first, self.count) = (first, count) }

    /// True when it ends at or before block `total`.
    func lies(in total: UInt64) -> Bool { first <= total && count <= total - first }
}
