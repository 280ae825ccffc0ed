/// The content of a file in memory: pages that were never written take no room.
struct SparseBytes: Sendable {
    static let pageSize: UInt64 = 4096
    private(set) var pages: [UInt64: [UInt8]] = [:]
    private(set) var size: UInt64 = 0

    init() {}

    func read(_ range: Range<UInt64>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(range.count)
        var position = range.lowerBound
        while position < range.upperBound {
            let inside = Int(position % Self.pageSize)
            let part = min(Int(Self.pageSize) - inside, Int(range.upperBound - position))
            if let page = pages[position / Self.pageSize], position < size {
                result += page[inside..<inside + part]
            } else {
                result += repeatElement(0, count: part)
            }
            position += UInt64(part)
        }
        return result
    }

    mutating func write(_ bytes: ArraySlice<UInt8>, at offset: UInt64) {
        var position = offset
        var rest = bytes
        while !rest.isEmpty {
            let inside = Int(position % Self.pageSize)
            let part = rest.prefix(Int(Self.pageSize) - inside)
            pages[position / Self.pageSize, default: [UInt8](repeating: 0, count: Int(Self.pageSize))]
                .replaceSubrange(inside..<inside + part.count, with: part)
            position += UInt64(part.count)
            rest = rest.dropFirst(part.count)
        }
        size = max(size, position)
    }

    mutating func clear(_ range: Range<UInt64>) {
        for number in pages.keys where number * Self.pageSize < range.upperBound && (number + 1) * Self.pageSize > range.lowerBound {
            let start = max(range.lowerBound, number * Self.pageSize)
            let end = min(range.upperBound, (number + 1) * Self.pageSize)
            if end - start == Self.pageSize {
                pages[number] = nil
            } else {
                let inside = Int(start % Self.pageSize)
                pages[number]?.replaceSubrange(inside..<inside + Int(end - start), with: repeatElement(0, count: Int(end - start)))
            }
        }
    }

    mutating func truncate(to newSize: UInt64) {
        if newSize < size { clear(newSize..<size) }
        size = newSize
    }
}
