/// Which MiB of the file are in use. Two users of one MiB are a contradiction, which opening refuses.
struct VHDXRoom {
    private var words: [UInt64] = []
    /// For runs of one unit, and for runs of a block's: nothing as long is free before.
    private var hints: [Int: Int] = [:]
    /// The unit behind the last used one.
    private(set) var end = 0
    /// Number of used units.
    private(set) var used = 0

    static let limit = Int(VHDXLayout.maximumFileSize >> VHDXLayout.unitShift)

    /// Marks a run as used; false when a part of it is used already or lies beyond all bounds (then nothing is marked).
    mutating func take(_ run: Range<Int>) -> Bool {
        guard run.lowerBound >= 0, run.upperBound <= Self.limit, isFree(run) else { return false }
        let neededWords = (run.upperBound + 63) / 64
        if words.count < neededWords {
            words.append(contentsOf: repeatElement(0, count: max(neededWords, min(words.count * 2, Self.limit / 64)) - words.count))
        }
        for unit in run { words[unit >> 6] |= 1 << UInt64(unit & 63) }
        used += run.count
        end = max(end, run.upperBound)
        return true
    }

    mutating func release(_ run: Range<Int>) {
        for unit in run where isUsed(unit) {
            words[unit >> 6] &= ~(1 << UInt64(unit & 63))
            used -= 1
        }
        while end > 0, !isUsed(end - 1) { end -= 1 }
        for (count, hint) in hints where hint > run.lowerBound { hints[count] = max(0, run.lowerBound - count + 1) }
    }

    func isUsed(_ unit: Int) -> Bool { unit >> 6 < words.count && words[unit >> 6] >> UInt64(unit & 63) & 1 != 0 }

    func isFree(_ run: Range<Int>) -> Bool { !run.contains { isUsed($0) } }

    /// First free run of `count` units that ends at or before `bound`.
    mutating func find(_ count: Int, before bound: Int) -> Range<Int>? {
        var start = hints[count] ?? 0
        var length = 0
        var unit = start
        while unit < bound {
            if unit & 63 == 0, unit >> 6 < words.count, words[unit >> 6] == .max {
                unit += 64
                (start, length) = (unit, 0)
            } else if isUsed(unit) {
                unit += 1
                (start, length) = (unit, 0)
            } else {
                unit += 1
                length += 1
                if length == count {
                    hints[count] = start
                    return start..<unit
                }
            }
        }
        hints[count] = min(start, bound)
        return nil
    }
}
