import Glibc
import Storage

/// A made image and what a case does to it: writes where a bit means something, check sums made good again or not, a cut end.
struct ImagePatches {
    /// A piece of the file where structures lie.
    struct Place: Sendable {
        var offset: Int
        var count: Int
        /// Makes the check sum over the place good again; nil: there is none.
        var seal: (@Sendable (MemoryFile) -> Void)?
    }

    private static let limit = 24

    /// Changes `file` by the input's first steps; false: the case wants no more patches.
    static func apply(_ input: inout FuzzInput, to file: MemoryFile, _ places: [Place]) {
        let count = Int(input.byte()) % limit
        for _ in 0..<count {
            let place = places[input.choice(places.count)]
            let offset = place.offset + Int(input.number(UInt16.self)) % place.count
            let kind = input.byte()
            let bytes: [UInt8]
            switch kind & 7 {
            case 0: bytes = [input.byte()]
            case 1: bytes = little(UInt64(1) << UInt64(input.byte() & 63))
            case 2: bytes = little(input.interesting())
            case 3: bytes = little(UInt64(input.interesting()) << 20)
            case 4: bytes = little(UInt64(input.interesting()) << 20 | UInt64(input.byte() & 7))
            case 5: bytes = [UInt8](little(input.interesting()).reversed())
            default: bytes = input.take(Int(input.byte() & 63))
            }
            file.put(bytes[...], at: kind & 8 == 0 ? offset & ~7 : offset)
            if kind & 0xC0 != 0xC0 { place.seal?(file) }
        }
        if input.byte() > 0xF0 { try? file.truncate(to: UInt64(input.number(UInt32.self)) % (file.size() + 4096)) }
    }

    /// Uses a disk as a guest and as the cmdlets do, as far as it lets itself be used.
    static func use(_ disk: any MappedDisk, _ input: inout FuzzInput) {
        let size = disk.size
        promise(size <= 1 << 46 && disk.logicalSectorSize <= 4096, "a disk's size is checked")
        for _ in 0..<12 where !input.isEmpty {
            let sector = UInt64(disk.logicalSectorSize)
            let offset = UInt64(input.number(UInt16.self)) << 12 % max(size, 1) / sector * sector
            let count = min(Int(1 + input.byte() & 31) * 4096, Int(clamping: size - min(size, offset)) / Int(sector) * Int(sector))
            switch input.choice(6) {
            case 0, 1: _ = try? DiskBytes.read(disk, offset, count)
            case 2: try? DiskBytes.write(disk, [UInt8](repeating: input.byte(), count: count), at: offset)
            case 3: try? disk.discard(at: offset, count: UInt64(count) << UInt64(input.byte() & 7))
            case 4: try? disk.flush()
            default:
                var position = offset
                for _ in 0..<64 {
                    guard let range = (try? disk.nextOwnRange(from: position)) ?? nil else { break }
                    promise(range.lowerBound >= position && range.upperBound > range.lowerBound && range.upperBound <= size)
                    position = range.upperBound
                }
            }
        }
    }
}

/// Plain bytes in and out of a disk.
enum DiskBytes {
    static func read(_ disk: any Disk, _ offset: UInt64, _ count: Int) throws(DiskError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var failure: DiskError?
        bytes.withUnsafeMutableBytes { raw in
            withSegment(raw.baseAddress, raw.count) { segments in
                do throws(DiskError) { try disk.read(into: segments, at: offset) } catch { failure = error }
            }
        }
        if let failure { throw failure }
        return bytes
    }

    static func write(_ disk: any Disk, _ bytes: [UInt8], at offset: UInt64) throws(DiskError) {
        var failure: DiskError?
        bytes.withUnsafeBytes { raw in
            withSegment(UnsafeMutableRawPointer(mutating: raw.baseAddress), raw.count) { segments in
                do throws(DiskError) { try disk.write(from: segments, at: offset) } catch { failure = error }
            }
        }
        if let failure { throw failure }
    }

    private static func withSegment(_ base: UnsafeMutableRawPointer?, _ count: Int, _ body: (UnsafeBufferPointer<iovec>) -> Void) {
        var segment = iovec(iov_base: base, iov_len: count)
        withUnsafePointer(to: &segment) { body(UnsafeBufferPointer(start: $0, count: 1)) }
    }
}
