/// One bit per sector of a block, the first sector in the highest bit of the first byte: set where the block itself holds the sector.
struct SectorBitmap {
    var bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The first sector at or behind `sector`, before `end`, whose bit is not `bit`; `end` if there is none.
    func end(ofRunOf bit: Bool, from sector: Int, to end: Int) -> Int {
        let whole: UInt8 = bit ? 0xff : 0
        var position = sector
        while position < end {
            if position % 8 == 0, position + 8 <= end, bytes[position / 8] == whole {
                position += 8
            } else if self[position] == bit {
                position += 1
            } else {
                break
            }
        }
        return position
    }

    subscript(sector: Int) -> Bool { bytes[sector / 8] & (0x80 >> UInt8(sector % 8)) != 0 }

    /// Sets the bits of `range`; true when one of them was not set.
    mutating func set(_ range: Range<Int>) -> Bool {
        var changed = false
        var position = range.lowerBound
        while position < range.upperBound {
            if position % 8 == 0, position + 8 <= range.upperBound {
                changed = changed || bytes[position / 8] != 0xff
                bytes[position / 8] = 0xff
                position += 8
            } else {
                changed = changed || !self[position]
                bytes[position / 8] |= 0x80 >> UInt8(position % 8)
                position += 1
            }
        }
        return changed
    }
}
