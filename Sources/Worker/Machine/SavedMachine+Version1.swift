import DeviceModel
import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#endif

/// Files of version 1, which are still read.
///
///     "LUNASAV1"  u32 header bytes  header (canonical JSON)
///     runs:       u64 first page  u32 pages  pages × 4096 bytes   …
///     end:        u64 all ones    u32 0      u64 hash of everything before
extension SavedMachine {
    private static let endMark = UInt64.max
    /// Pages of one run at most.
    private static let runLength = 256

    static func readFirstVersion(
        from descriptor: Int32, into memory: GuestMemory, check: (Header) throws(MachineError) -> Void
    ) throws(MachineError) -> Header {
        var header: Header?
        try readFirstVersion(from: descriptor) { (found) throws(MachineError) in
            try check(found)
            header = found
        } page: { number, bytes in
            memory.fillPage(number) { $0.copyBytes(from: bytes) }
        }
        guard let header else { throw MachineError(.savedCorrupt, detail: "its header cannot be read") }
        return header
    }

    /// Reads all of a file; `page` takes each page and says whether there is such a page.
    static func readFirstVersion(
        from descriptor: Int32, header check: (Header) throws(MachineError) -> Void, page: (Int, [UInt8]) -> Bool
    ) throws(MachineError) {
        lseek(descriptor, 0, SEEK_SET)
        var file = Reader(descriptor: descriptor)
        _ = try file.read(magic.count)
        let length = try file.integer(UInt32.self)
        guard length <= headerLimit else { throw MachineError(.savedCorrupt, detail: "its header is too long") }
        guard let header = try? JSONDecoder().decode(Header.self, from: Data(try file.read(Int(length)))) else {
            throw MachineError(.savedCorrupt, detail: "its header cannot be read")
        }
        try check(header)
        while true {
            let first = try file.integer(UInt64.self)
            let count = try file.integer(UInt32.self)
            if first == endMark { break }
            guard first < 1 << 48, count > 0, count <= UInt32(runLength) else {
                throw MachineError(.savedCorrupt, detail: "a page lies outside RAM")
            }
            for number in 0..<Int(count) {
                guard page(Int(first) + number, try file.read(Int(GuestMemory.pageSize))) else {
                    throw MachineError(.savedCorrupt, detail: "a page lies outside RAM")
                }
            }
        }
        let expected = file.hash.value
        guard try file.integer(UInt64.self) == expected else { throw MachineError(.savedCorrupt, detail: "its check sum is wrong") }
    }

    private struct Reader {
        let descriptor: Int32
        var hash = StateHash()
        private var buffer: [UInt8] = []
        private var position = 0

        init(descriptor: Int32) { self.descriptor = descriptor }

        mutating func read(_ count: Int) throws(MachineError) -> [UInt8] {
            while buffer.count - position < count {
                buffer.removeFirst(position)
                position = 0
                let wanted = max(1 << 20, count - buffer.count)
                var chunk = [UInt8](repeating: 0, count: wanted)
                let got = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, wanted) }
                if got < 0, errno == EINTR { continue }
                guard got > 0 else { throw MachineError(.savedTruncated) }
                buffer += chunk.prefix(got)
            }
            let bytes = Array(buffer[position..<position + count])
            position += count
            bytes.withUnsafeBytes { hash.combine($0) }
            return bytes
        }

        mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type) throws(MachineError) -> Value {
            let bytes = try read(MemoryLayout<Value>.size)
            return bytes.reversed().reduce(0) { $0 << 8 | Value($1) }
        }
    }
}
