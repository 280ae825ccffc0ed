import Glibc
import Storage

/// A file in memory that knows what would be left of it if the power failed: what was written before the last `synchronise` is there, of
/// everything later any part may be missing, down to single sectors of 512 bytes.
final class PowerLossFile: DiskFile, @unchecked Sendable {
    private enum Change {
        case write(UInt64, [UInt8])
        case truncate(UInt64)
        case clear(Range<UInt64>)
    }
    let name: String
    let isReadOnly: Bool
    private(set) var content: SparseBytes
    private var durable: SparseBytes
    private var pending: [Change] = []
    /// Called after each change: the power may fail here.
    var afterChange: (() -> Void)?
    /// Bytes that the host's file system has room for; nil: no bound.
    var capacity: UInt64?
    /// False: the file system cannot give room back.
    var canPunchHoles = true
    /// Requests that reached the file.
    private(set) var reads = 0
    private(set) var writes = 0
    private(set) var synchronisations = 0
    private(set) var isClosed = false

    init(_ content: SparseBytes = SparseBytes(), name: String = "test.vhdx", isReadOnly: Bool = false) {
        (self.content, durable, self.name, self.isReadOnly) = (content, content, name, isReadOnly)
    }

    func size() throws(DiskError) -> UInt64 { content.size }

    func read(into segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) {
        reads += 1
        var position = offset
        for segment in segments where segment.iov_len > 0 {
            let bytes = content.read(position..<position + UInt64(segment.iov_len))
            UnsafeMutableRawBufferPointer(start: segment.iov_base, count: segment.iov_len).copyBytes(from: bytes)
            position += UInt64(segment.iov_len)
        }
    }

    func write(from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) {
        try checkWritable()
        writes += 1
        var bytes: [UInt8] = []
        for segment in segments { bytes += UnsafeRawBufferPointer(start: segment.iov_base, count: segment.iov_len) }
        if let capacity, UInt64(content.pages.count) * SparseBytes.pageSize + UInt64(bytes.count) > capacity {
            throw DiskError(.full, "no room", file: name)
        }
        content.write(bytes[...], at: offset)
        changed(.write(offset, bytes))
    }

    func truncate(to size: UInt64) throws(DiskError) {
        try checkWritable()
        content.truncate(to: size)
        changed(.truncate(size))
    }

    func allocate(at offset: UInt64, count: UInt64) throws(DiskError) {
        try checkWritable()
        if content.size < offset + count { try truncate(to: offset + count) }
    }

    func punchHole(at offset: UInt64, count: UInt64) throws(DiskError) {
        try checkWritable()
        guard canPunchHoles else { return }
        content.clear(offset..<offset + count)
        changed(.clear(offset..<offset + count))
    }

    func synchronise() throws(DiskError) {
        synchronisations += 1
        durable = content
        pending = []
    }

    func close() { isClosed = true }

    /// One of the contents that a power failure now could leave.
    func afterPowerLoss(using random: inout SplitMix) -> SparseBytes {
        var result = durable
        let manner = random.next() % 5
        for change in pending {
            switch manner {
            case 0: return result
            case 1: Self.apply(change, to: &result) { _ in true }
            case 2: if random.next() % 2 == 0 { Self.apply(change, to: &result) { _ in true } }
            case 3: Self.apply(change, to: &result) { _ in random.next() % 2 == 0 }
            default:
                // All but a few.
                if random.next() % 8 != 0 { Self.apply(change, to: &result) { _ in random.next() % 16 != 0 } }
            }
        }
        return result
    }

    private static func apply(_ change: Change, to content: inout SparseBytes, _ keepsSector: (Int) -> Bool) {
        switch change {
        case .truncate(let size): content.truncate(to: size)
        case .clear(let range): if keepsSector(0) { content.clear(range) }
        case .write(let offset, let bytes):
            var start = 0
            var sector = 0
            while start < bytes.count {
                let end = min(bytes.count, start + 512 - Int((offset + UInt64(start)) % 512))
                if keepsSector(sector) { content.write(bytes[start..<end], at: offset + UInt64(start)) }
                (start, sector) = (end, sector + 1)
            }
        }
    }

    private func changed(_ change: Change) {
        pending.append(change)
        afterChange?()
    }

    private func checkWritable() throws(DiskError) {
        guard !isReadOnly else { throw DiskError(.readOnly, "read-only", file: name) }
    }
}

/// Repeatable random numbers.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
