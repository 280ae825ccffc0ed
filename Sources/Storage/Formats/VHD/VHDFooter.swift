import Basics
import Glibc

/// The footer of a VHD (Virtual Hard Disk Image Format Specification 1.0, "Hard Disk Footer Format"), 512 bytes at the file's end; images
/// with a dynamic header keep a copy at its beginning.
///
///     0 "conectix"   8 features  12 version 1.0   16 offset of the dynamic header (fixed: all ones)
///     24 seconds since 2000      28 creator, its version, its system   40 original size   48 current size
///     56 cylinders, heads, sectors   60 kind   64 checksum   68 identifier   84 saved state
struct VHDFooter: Equatable {
    static let byteCount = 512
    /// Bytes: 2040 GiB, the most that Hyper-V gives a VHD.
    static let greatestSize: UInt64 = 2040 << 30

    var kind: DiskKind
    /// Bytes.
    var size: UInt64
    var originalSize: UInt64
    var identifier: GUID
    /// Seconds since 2000-01-01 00:00 UTC.
    var timestamp: UInt32
    /// Where the dynamic header stands; a fixed disk has none.
    var headerOffset: UInt64 = .max
    private var geometry: UInt32

    init(kind: DiskKind, size: UInt64, identifier: GUID, timestamp: UInt32) {
        (self.kind, self.size, originalSize, self.identifier, self.timestamp) = (kind, size, size, identifier, timestamp)
        geometry = Self.geometry(size: size)
        if kind != .fixed { headerOffset = UInt64(Self.byteCount) }
    }

    /// What a footer's bytes say; nil: they do not begin like one.
    init?(_ bytes: [UInt8], file: String) throws(DiskFormatError) {
        guard bytes.count == Self.byteCount, Array(bytes[0..<8]) == Array("conectix".utf8) else { return nil }
        guard bytes.checksum(skipping: 64) == bytes.bigEndian32(at: 64) else {
            throw DiskFormatError(.damaged, "The footer of “\(file)” has a wrong checksum.", file: file)
        }
        guard bytes.bigEndian32(at: 12) >> 16 == 1 else {
            throw DiskFormatError(.newer, "“\(file)” is a VHD of version \(bytes.bigEndian16(at: 12)); version 1 is known.", file: file)
        }
        switch bytes.bigEndian32(at: 60) {
        case 2: kind = .fixed
        case 3: kind = .dynamic
        case 4: kind = .differencing
        case let other: throw DiskFormatError(.unsupported, "“\(file)” is a VHD of kind \(other), which is not known.", file: file)
        }
        (originalSize, size) = (bytes.bigEndian64(at: 40), bytes.bigEndian64(at: 48))
        guard size >= 512, size % 512 == 0, size <= 1 << 41 else {
            throw DiskFormatError(.damaged, "“\(file)” says that its disk has \(size) bytes, which no VHD can have.", file: file)
        }
        (headerOffset, timestamp, geometry) = (bytes.bigEndian64(at: 16), bytes.bigEndian32(at: 24), bytes.bigEndian32(at: 56))
        identifier = GUID(bytes: Array(bytes[68..<84]))
    }

    /// Changes the size and with it the geometry.
    mutating func resize(to size: UInt64) {
        self.size = size
        geometry = Self.geometry(size: size)
    }

    var bytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.byteCount)
        bytes.replaceSubrange(0..<8, with: Array("conectix".utf8))
        bytes.setBigEndian(UInt32(2), at: 8)
        bytes.setBigEndian(UInt32(0x0001_0000), at: 12)
        bytes.setBigEndian(headerOffset, at: 16)
        bytes.setBigEndian(timestamp, at: 24)
        // Hyper-V's own words: other readers take the size of images by any other creator from the geometry, which is coarser.
        bytes.replaceSubrange(28..<32, with: Array("win ".utf8))
        bytes.setBigEndian(UInt32(0x000a_0000), at: 32)
        bytes.replaceSubrange(36..<40, with: Array("Wi2k".utf8))
        bytes.setBigEndian(originalSize, at: 40)
        bytes.setBigEndian(size, at: 48)
        bytes.setBigEndian(geometry, at: 56)
        bytes.setBigEndian(UInt32(kind == .fixed ? 2 : kind == .dynamic ? 3 : 4), at: 60)
        bytes.replaceSubrange(68..<84, with: identifier.bytes)
        bytes.setBigEndian(bytes.checksum(skipping: 64), at: 64)
        return bytes
    }

    /// Now, in the format's seconds.
    static func timestampNow() -> UInt32 { UInt32(clamping: time(nil) - 946_684_800) }

    /// Cylinders, heads and sectors per track as the specification's appendix computes them.
    static func geometry(size: UInt64) -> UInt32 {
        let sectors = min(size / 512, 65535 * 16 * 255)
        var (perTrack, heads, tracks): (UInt64, UInt64, UInt64)
        if sectors >= 65535 * 16 * 63 {
            (perTrack, heads) = (255, 16)
            tracks = sectors / perTrack
        } else {
            perTrack = 17
            tracks = sectors / perTrack
            heads = max(4, (tracks + 1023) / 1024)
            if tracks >= heads * 1024 || heads > 16 {
                (perTrack, heads) = (31, 16)
                tracks = sectors / perTrack
            }
            if tracks >= heads * 1024 {
                (perTrack, heads) = (63, 16)
                tracks = sectors / perTrack
            }
        }
        return UInt32(tracks / heads) << 16 | UInt32(heads) << 8 | UInt32(perTrack)
    }
}
