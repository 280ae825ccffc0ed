import Basics
import DeviceModel
import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#endif

/// The file of a saved machine: a header with all units' states, then the pages of RAM that hold anything.
///
///     "LUNASAV1"  u32 header bytes  header (canonical JSON)
///     runs:       u64 first page  u32 pages  pages × 4096 bytes   …
///     end:        u64 all ones    u32 0      u64 hash of everything before
package struct SavedMachine {
    package static let version = 1
    private static let magic = Array("LUNASAV1".utf8)
    private static let endMark = UInt64.max
    /// Pages of one run at most.
    private static let runLength = 256
    private static let headerLimit = 16 << 20

    package struct Header: Codable, Equatable, Sendable {
        package var version = SavedMachine.version
        package var shape: MachineShape
        package var units: [UnitState]
        /// Bytes of RAM, where memory was added to what the machine started with; nil: none was.
        package var memoryBytes: UInt64?

        package init(shape: MachineShape, units: [UnitState], memoryBytes: UInt64? = nil) {
            (self.shape, self.units, self.memoryBytes) = (shape, units, memoryBytes)
        }
    }

    // MARK: Writing

    package static func write(_ header: Header, memory: GuestMemory, to descriptor: Int32) throws(MachineError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let json = try? encoder.encode(header) else { throw MachineError(.writeFailed, detail: "its header cannot be encoded") }
        var file = Writer(descriptor: descriptor)
        try file.write(magic)
        try file.write(integer: UInt32(json.count))
        try file.write(Array(json))
        var run: [UInt8] = []
        var first = 0
        var failure: MachineError?
        func flush() {
            guard !run.isEmpty, failure == nil else { return }
            do throws(MachineError) {
                try file.write(integer: UInt64(first))
                try file.write(integer: UInt32(run.count / Int(GuestMemory.pageSize)))
                try file.write(run)
            } catch { failure = error }
            run.removeAll(keepingCapacity: true)
        }
        memory.forEachUsedPage { page, bytes in
            let pages = run.count / Int(GuestMemory.pageSize)
            if pages == runLength || page != first + pages { flush() }
            if run.isEmpty { first = page }
            run.append(contentsOf: bytes)
        }
        flush()
        if let failure { throw failure }
        try file.write(integer: endMark)
        try file.write(integer: UInt32(0))
        try file.write(integer: file.hash.value)
        try file.finish()
    }

    private struct Writer {
        let descriptor: Int32
        var hash = StateHash()
        private var buffer: [UInt8] = []

        init(descriptor: Int32) { self.descriptor = descriptor }

        mutating func write(_ bytes: [UInt8]) throws(MachineError) {
            bytes.withUnsafeBytes { hash.combine($0) }
            buffer += bytes
            if buffer.count >= 1 << 20 { try flush() }
        }

        mutating func write<Value: FixedWidthInteger>(integer: Value) throws(MachineError) {
            try write([UInt8](littleEndian: integer))
        }

        private mutating func flush() throws(MachineError) {
            var done = 0
            while done < buffer.count {
                let count = buffer.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress.map { $0 + done }, $0.count - done) }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw MachineError(.writeFailed, detail: String(cString: strerror(errno))) }
                done += count
            }
            buffer.removeAll(keepingCapacity: true)
        }

        mutating func finish() throws(MachineError) {
            try flush()
            guard fsync(descriptor) == 0 || errno == EINVAL else {
                throw MachineError(.writeFailed, detail: String(cString: strerror(errno)))
            }
        }
    }

    // MARK: Reading

    /// Reads a file from its present position: `check` judges the header before any page is put into `memory`, which is all zeros.
    package static func read(
        from descriptor: Int32, into memory: GuestMemory, check: (Header) throws(MachineError) -> Void
    ) throws(MachineError) -> Header {
        var file = Reader(descriptor: descriptor)
        guard try file.read(magic.count) == magic else { throw MachineError(.savedCorrupt, detail: "it is no saved machine") }
        let length = try file.integer(UInt32.self)
        guard length <= headerLimit else { throw MachineError(.savedCorrupt, detail: "its header is too long") }
        let json = Data(try file.read(Int(length)))
        struct Version: Decodable { var version: Int }
        guard let version = try? JSONDecoder().decode(Version.self, from: json).version else {
            throw MachineError(.savedCorrupt, detail: "its header cannot be read")
        }
        guard version <= Self.version else { throw MachineError(.savedNewer, detail: "\(version), this program knows \(Self.version)") }
        guard let header = try? JSONDecoder().decode(Header.self, from: json) else {
            throw MachineError(.savedCorrupt, detail: "its header cannot be read")
        }
        try check(header)
        while true {
            let first = try file.integer(UInt64.self)
            let count = try file.integer(UInt32.self)
            if first == endMark { break }
            guard first < UInt64(memory.pageCount), count > 0, count <= UInt32(runLength) else {
                throw MachineError(.savedCorrupt, detail: "a page lies outside RAM")
            }
            for page in 0..<Int(count) {
                let bytes = try file.read(Int(GuestMemory.pageSize))
                guard memory.fillPage(Int(first) + page, { $0.copyBytes(from: bytes) }) else {
                    throw MachineError(.savedCorrupt, detail: "a page lies outside RAM")
                }
            }
        }
        let expected = file.hash.value
        guard try file.integer(UInt64.self) == expected else { throw MachineError(.savedCorrupt, detail: "its check sum is wrong") }
        return header
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

/// What must be alike for a saved state to fit a machine: everything the guest could see.
package struct MachineShape: Codable, Equatable, Sendable {
    package var generation: Int
    package var processors: Int
    package var model: String
    package var memoryBytes: UInt64
    package var timeMode: String
    package var picosecondsPerInstruction: UInt64

    package init(
        generation: Int, processors: Int, model: String, memoryBytes: UInt64, timeMode: String, picosecondsPerInstruction: UInt64
    ) {
        (self.generation, self.processors, self.model, self.memoryBytes) = (generation, processors, model, memoryBytes)
        (self.timeMode, self.picosecondsPerInstruction) = (timeMode, picosecondsPerInstruction)
    }

    /// What differs from `other`, in words; nil: nothing.
    package func difference(from other: MachineShape) -> String? {
        if generation != other.generation { return "it is of generation \(generation), the VM of \(other.generation)" }
        if processors != other.processors { return "it has \(processors) processors, the VM \(other.processors)" }
        if model != other.model { return "its processor model is \(model), the VM's \(other.model)" }
        if memoryBytes != other.memoryBytes { return "it has \(memoryBytes >> 20) MiB, the VM \(other.memoryBytes >> 20)" }
        if timeMode != other.timeMode { return "its time mode is \(timeMode), the VM's \(other.timeMode)" }
        if picosecondsPerInstruction != other.picosecondsPerInstruction { return "its instructions take another time" }
        return nil
    }
}
