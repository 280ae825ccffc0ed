import Basics
import Glibc

/// States of a payload block and, where it says so, of a sector bitmap block (MS-VHDX 2.5.1).
enum VHDXBlockState: UInt64 {
    /// Never written: the parent's content, or zeros. Also: no sector bitmap.
    case notPresent = 0
    case undefined = 1
    case zero = 2
    case unmapped = 3
    /// In the file. Also: sector bitmap present.
    case present = 6
    /// The sectors that the bitmap marks are in the file, the others in the parent.
    case partial = 7
}

/// The block table in memory: one entry per payload block, after each chunk's blocks one for its sector bitmap (MS-VHDX 2.5).
///
/// Memory comes zeroed and is touched only where the file has entries, so that a huge, empty table costs nothing. The pointer is private
/// to this file; every access is checked against the capacity, and the memory lives as long as the object.
final class VHDXBlockTable {
    /// Entries in a page of 4096 bytes.
    static let entriesPerPage = 512

    private let storage: UnsafeMutablePointer<UInt64>
    /// Entries that the region has room for; whole pages.
    let capacity: Int
    /// Place of the region in the file.
    let offset: UInt64

    /// Nil when there is no memory.
    init?(capacity: Int, offset: UInt64) {
        guard capacity > 0, let memory = calloc(capacity, 8) else { return nil }
        storage = memory.bindMemory(to: UInt64.self, capacity: capacity)
        (self.capacity, self.offset) = (capacity, offset)
    }

    deinit { free(storage) }

    /// The raw entry.
    subscript(index: Int) -> UInt64 {
        get {
            precondition(index >= 0 && index < capacity, "block table index")
            return UInt64(littleEndian: storage[index])
        }
        set {
            precondition(index >= 0 && index < capacity, "block table index")
            storage[index] = newValue.littleEndian
        }
    }

    func state(_ index: Int) -> VHDXBlockState? { VHDXBlockState(rawValue: self[index] & 7) }

    /// Place in the file of a block that is there.
    func place(_ index: Int) -> UInt64 { self[index] & ~(VHDXLayout.unit - 1) }

    func set(_ index: Int, _ state: VHDXBlockState, at place: UInt64 = 0) { self[index] = place | state.rawValue }

    /// The page's 4096 bytes as they stand in the file; valid as long as the table.
    func page(_ number: Int) -> UnsafeRawBufferPointer {
        precondition(number >= 0 && (number + 1) * Self.entriesPerPage <= capacity, "block table page")
        return UnsafeRawBufferPointer(start: storage + number * Self.entriesPerPage, count: Int(VHDXLayout.page))
    }

    /// Takes the first `count` entries from the file.
    func load(count: Int, from file: any DiskFile) throws(DiskError) {
        precondition(count <= capacity)
        let pieceSize = 128 << 10
        let piece = UnsafeMutablePointer<UInt64>.allocate(capacity: pieceSize / 8)
        defer { piece.deallocate() }
        var done = 0
        while done < count {
            let part = min(count - done, pieceSize / 8)
            try file.read(into: piece, count: part * 8, at: offset + UInt64(done) * 8)
            for position in 0..<part where piece[position] != 0 { storage[done + position] = piece[position] }
            done += part
        }
    }
}

/// How blocks, chunks and sectors are numbered.
struct VHDXGeometry {
    let blockShift: UInt64
    let sectorShift: UInt64
    /// Payload blocks per sector bitmap block, as a shift.
    let chunkShift: UInt64
    let hasParent: Bool

    init(blockSize: UInt64, logicalSectorSize: Int, hasParent: Bool) {
        blockShift = UInt64(blockSize.trailingZeroBitCount)
        sectorShift = UInt64(logicalSectorSize.trailingZeroBitCount)
        chunkShift = 23 + sectorShift - blockShift
        self.hasParent = hasParent
    }

    var blockSize: UInt64 { 1 << blockShift }
    var unitsPerBlock: Int { Int(blockSize >> VHDXLayout.unitShift) }
    var sectorsPerBlock: UInt64 { 1 << (blockShift - sectorShift) }
    func blocks(in size: UInt64) -> Int { Int((size + blockSize - 1) >> blockShift) }

    /// Index of a payload block's entry.
    func index(_ block: Int) -> Int { block + block >> Int(chunkShift) }
    /// Index of the entry of a chunk's sector bitmap.
    func bitmapIndex(chunk: Int) -> Int { (chunk + 1) * (1 << Int(chunkShift) + 1) - 1 }
    func chunk(of block: Int) -> Int { block >> Int(chunkShift) }

    /// Entries that a disk of `size` bytes needs.
    func entries(for size: UInt64) -> Int {
        let blocks = blocks(in: size)
        return hasParent ? bitmapIndex(chunk: chunk(of: blocks - 1)) + 1 : index(blocks - 1) + 1
    }
}
