import Basics
import Glibc

/// Writes log entries (MS-VHDX 2.3.1). Every entry stands for itself: its tail is its own position, because what older entries changed
/// is on stable storage before a new one is written.
struct VHDXLogWriter {
    /// Pages that one entry takes at most: two entries always fit in the smallest log, so that the old one stays whole under the new.
    static let pagesPerEntry = 120

    let range: Range<UInt64>
    /// What the header must say for our entries to count; a new one after every emptying.
    private(set) var identifier = GUID()
    private var position = 0
    private var sequence: UInt64 = 1
    private var unaccepted = 0
    private var scratch: [UInt8] = []

    init(range: Range<UInt64>) { self.range = range }

    /// Begins anew after the header has declared the log empty.
    mutating func restart() {
        identifier = GUID()
        position = 0
    }

    /// Writes one entry that sets each of `pages` (at most `pagesPerEntry`) to 4096 bytes. The caller synchronises before and afterwards.
    mutating func append(_ pages: [(offset: UInt64, bytes: UnsafeRawBufferPointer)], fileSize: UInt64, to file: any DiskFile)
        throws(DiskError)
    {
        precondition(pages.count <= Self.pagesPerEntry)
        let length = (1 + pages.count) * 4096
        if scratch.isEmpty { scratch = [UInt8](repeating: 0, count: (1 + Self.pagesPerEntry) * 4096) }
        fill(pages, length: length, fileSize: fileSize)

        let logLength = Int(range.upperBound - range.lowerBound)
        let first = min(length, logLength - position)
        let place = range.lowerBound + UInt64(position)
        let start = range.lowerBound
        try scratch.withUnsafeBufferPointer { bytes throws(DiskError) in
            try file.write(from: bytes.baseAddress, count: first, at: place)
            guard first < length, let base = bytes.baseAddress else { return }
            try file.write(from: base + first, count: length - first, at: start)
        }
        unaccepted = length
    }

    /// The entry is on stable storage. One that did not get there is written over by the next.
    mutating func accept() {
        position = (position + unaccepted) % Int(range.upperBound - range.lowerBound)
        sequence += 1
        unaccepted = 0
    }

    private mutating func fill(_ pages: [(offset: UInt64, bytes: UnsafeRawBufferPointer)], length: Int, fileSize: UInt64) {
        for index in 0..<4096 { scratch[index] = 0 }
        scratch.replaceSubrange(0..<4, with: Array("loge".utf8))
        scratch.setLittleEndian(UInt32(length), at: 8)
        scratch.setLittleEndian(UInt32(position), at: 12)
        scratch.setLittleEndian(sequence, at: 16)
        scratch.setLittleEndian(UInt32(pages.count), at: 24)
        scratch.setGUID(identifier, at: 32)
        scratch.setLittleEndian(fileSize, at: 48)
        scratch.setLittleEndian(fileSize, at: 56)
        for (number, page) in pages.enumerated() {
            precondition(page.bytes.count == 4096)
            let (descriptor, sector) = (64 + number * 32, (1 + number) * 4096)
            scratch.withUnsafeMutableBytes { target in
                target[sector..<sector + 4096].copyBytes(from: page.bytes)
                target[descriptor + 8..<descriptor + 16].copyBytes(from: page.bytes[0..<8])
                target[descriptor + 4..<descriptor + 8].copyBytes(from: page.bytes[4092..<4096])
            }
            scratch.replaceSubrange(descriptor..<descriptor + 4, with: Array("desc".utf8))
            scratch.setLittleEndian(page.offset, at: descriptor + 16)
            scratch.setLittleEndian(sequence, at: descriptor + 24)
            scratch.replaceSubrange(sector..<sector + 4, with: Array("data".utf8))
            scratch.setLittleEndian(UInt32(truncatingIfNeeded: sequence >> 32), at: sector + 4)
            scratch.setLittleEndian(UInt32(truncatingIfNeeded: sequence), at: sector + 4092)
        }
        let sum = scratch.withUnsafeBytes { CRC32C.ofStructure(UnsafeRawBufferPointer(rebasing: $0[0..<length])) }
        scratch.setLittleEndian(sum, at: 4)
    }
}
