import Glibc

/// What a guest was told is written and no flush has made last. An image's format may keep its tables in memory until then, so that they
/// go with a service that ends; whoever takes its place is told all of this again, in order.
struct WriteJournal {
    enum Entry {
        case write(offset: UInt64, bytes: [UInt8])
        case discard(offset: UInt64, count: UInt64)
    }

    /// When it holds so much, a flush comes first.
    static let mostBytes = 32 << 20, mostEntries = 16_384

    private(set) var entries: [Entry] = []
    private(set) var byteCount = 0

    func hasRoom(for count: Int, entries more: Int) -> Bool {
        entries.count + more <= Self.mostEntries && byteCount + count <= Self.mostBytes
    }

    mutating func append(_ entry: Entry) {
        entries.append(entry)
        if case .write(_, let bytes) = entry { byteCount += bytes.count }
    }

    mutating func removeAll() { (entries, byteCount) = ([], 0) }
}
