/// Which parts of a disk were written while a copy of it was being made. Never larger than a MiB, whatever the disk's size.
struct DirtyMap {
    private let shift: UInt64
    private let size: UInt64
    private var words: [UInt64]
    /// Parts that are marked.
    private var count = 0

    init(size: UInt64) {
        var shift: UInt64 = 16
        while size >> shift >= 1 << 23 { shift += 1 }
        (self.shift, self.size) = (shift, size)
        words = [UInt64](repeating: 0, count: Int(size >> shift / 64) + 1)
    }

    /// Bytes that are marked, at most.
    var byteCount: UInt64 { UInt64(count) << shift }

    mutating func mark(_ offset: UInt64, _ count: UInt64) {
        // The disk refuses such requests.
        guard count > 0, offset < size else { return }
        for part in offset >> shift...(offset + min(count, size - offset) - 1) >> shift {
            let (word, bit) = (Int(part >> 6), UInt64(1) << (part & 63))
            guard words[word] & bit == 0 else { continue }
            words[word] |= bit
            self.count += 1
        }
    }

    /// The first marked range at or behind `offset`; nil: there is none.
    func nextRange(from offset: UInt64) -> Range<UInt64>? {
        guard let first = next(from: (offset + (1 << shift) - 1) >> shift, marked: true) else { return nil }
        let end = next(from: first, marked: false) ?? UInt64(words.count * 64)
        return first << shift..<min(size, end << shift)
    }

    private func next(from part: UInt64, marked: Bool) -> UInt64? {
        var position = part
        while position >> 6 < UInt64(words.count) {
            let word = (marked ? words[Int(position >> 6)] : ~words[Int(position >> 6)]) >> (position & 63)
            if word != 0 {
                let found = position + UInt64(word.trailingZeroBitCount)
                return found << shift < size ? found : nil
            }
            position = (position | 63) + 1
        }
        return nil
    }
}
