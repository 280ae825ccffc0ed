import Basics

/// The header of dynamic and differencing VHDs ("Dynamic Disk Header Format"), 1024 bytes.
///
///     0 "cxsparse"   8 unused, all ones   16 offset of the block allocation table   24 version 1.0   28 entries   32 block size
///     36 checksum    40 parent's identifier   56 parent's time   64 parent's name, UTF-16 big-endian   576 eight locators of 24 bytes
///
/// All that changes after creation but locators and name lies in the first sector, which a disk writes whole or not at all.
struct VHDDynamicHeader: Equatable {
    static let byteCount = 1024
    static let locatorCount = 8

    /// Where one spelling of the parent's path stands.
    struct Locator: Equatable {
        /// `W2ru`: relative, `W2ku`: absolute, both UTF-16 little-endian; 0: none.
        var platform: UInt32
        /// Room for it; some writers count bytes, others sectors.
        var space: UInt32
        /// Bytes.
        var length: UInt32
        var offset: UInt64
        static let relative: UInt32 = 0x5732_7275
        static let absolute: UInt32 = 0x5732_6b75
    }

    /// Bytes from the file's beginning.
    var tableOffset: UInt64
    var entryCount: UInt32
    /// Bytes.
    var blockSize: UInt32
    var parentIdentifier = [UInt8](repeating: 0, count: 16)
    var parentTimestamp: UInt32 = 0
    /// The parent's file name, for people.
    var parentName = ""
    var locators: [Locator] = []

    init(tableOffset: UInt64, entryCount: UInt32, blockSize: UInt32) {
        (self.tableOffset, self.entryCount, self.blockSize) = (tableOffset, entryCount, blockSize)
    }

    init(_ bytes: [UInt8], file: String) throws(DiskFormatError) {
        func damaged(_ what: String) -> DiskFormatError { DiskFormatError(.damaged, "The header of “\(file)” \(what).", file: file) }
        guard bytes.count == Self.byteCount, Array(bytes[0..<8]) == Array("cxsparse".utf8) else { throw damaged("is missing") }
        guard bytes.checksum(skipping: 36) == bytes.bigEndian32(at: 36) else { throw damaged("has a wrong checksum") }
        guard bytes.bigEndian32(at: 24) >> 16 == 1 else {
            throw DiskFormatError(.newer, "“\(file)” has a header of version \(bytes.bigEndian16(at: 24)); 1 is known.", file: file)
        }
        (tableOffset, entryCount, blockSize) = (bytes.bigEndian64(at: 16), bytes.bigEndian32(at: 28), bytes.bigEndian32(at: 32))
        guard blockSize.nonzeroBitCount == 1, (4096...256 << 20).contains(blockSize) else {
            throw damaged("says blocks of \(blockSize) bytes; 4 KiB to 256 MiB are possible, in powers of two")
        }
        parentIdentifier = Array(bytes[40..<56])
        parentTimestamp = bytes.bigEndian32(at: 56)
        let units = stride(from: 64, to: 576, by: 2).map { bytes.bigEndian16(at: $0) }
        parentName = String(decoding: units.prefix { $0 != 0 }, as: UTF16.self)
        locators = (0..<Self.locatorCount).map { position in
            let start = 576 + position * 24
            return Locator(
                platform: bytes.bigEndian32(at: start), space: bytes.bigEndian32(at: start + 4),
                length: bytes.bigEndian32(at: start + 8), offset: bytes.bigEndian64(at: start + 16))
        }
    }

    var bytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.byteCount)
        bytes.replaceSubrange(0..<8, with: Array("cxsparse".utf8))
        bytes.setBigEndian(UInt64.max, at: 8)
        bytes.setBigEndian(tableOffset, at: 16)
        bytes.setBigEndian(UInt32(0x0001_0000), at: 24)
        bytes.setBigEndian(entryCount, at: 28)
        bytes.setBigEndian(blockSize, at: 32)
        bytes.replaceSubrange(40..<56, with: parentIdentifier)
        bytes.setBigEndian(parentTimestamp, at: 56)
        // 256 units, the last of them zero; half a surrogate pair is better left out.
        var position = 64
        for character in parentName {
            let units = Array(String(character).utf16)
            guard position + units.count * 2 <= 574 else { break }
            for unit in units {
                bytes.setBigEndian(unit, at: position)
                position += 2
            }
        }
        for (position, locator) in locators.prefix(Self.locatorCount).enumerated() {
            let start = 576 + position * 24
            bytes.setBigEndian(locator.platform, at: start)
            bytes.setBigEndian(locator.space, at: start + 4)
            bytes.setBigEndian(locator.length, at: start + 8)
            bytes.setBigEndian(locator.offset, at: start + 16)
        }
        bytes.setBigEndian(bytes.checksum(skipping: 36), at: 36)
        return bytes
    }
}
