import DeviceModel
import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#endif

/// The beginning of a saved machine's file of version 2, which says where the rest lies. All of it is judged before it is used; offsets
/// and lengths are within the file.
struct SavedMachineFrame {
    struct Part: Codable, Equatable {
        var at: UInt64
        var bytes: Int
        var check: UInt64
    }

    struct Contents: Codable, Equatable {
        var version = SavedMachine.version
        var pages: Int
        var decided: Part, filled: Part, header: Part, sums: Part
        /// When the file was written, in ns since the Unix epoch, which its own time of modification says as long as nobody else writes to
        /// it; nil: not said.
        var written: UInt64?
    }

    /// Pages that `GuestMemory` can have at most.
    private static let mostPages = 1 << 34

    let descriptor: Int32
    let contents: Contents
    let fileSize: UInt64
    /// The file's time of modification in ns since the Unix epoch.
    private let modified: UInt64

    var pages: Int { contents.pages }

    enum Version {
        case first(SavedMachine.Header)
        case second(SavedMachineFrame)
    }

    /// Reads and judges the beginning of a file.
    static func open(_ descriptor: Int32) throws(MachineError) -> Version {
        let start = try bytes(descriptor, at: 0, count: 12)
        guard start.starts(with: SavedMachine.magic) else { throw MachineError(.savedCorrupt, detail: "it is no saved machine") }
        let length = Int(start.littleEndian(at: 8, as: UInt32.self) ?? .max)
        guard length <= SavedMachine.headerLimit else { throw MachineError(.savedCorrupt, detail: "its header is too long") }
        let json = try bytes(descriptor, at: 12, count: length)
        struct Numbered: Decodable { var version: Int }
        guard let version = decode(Numbered.self, json)?.version, version > 0 else { throw unreadable }
        guard version <= SavedMachine.version else {
            throw MachineError(.savedNewer, detail: "\(version), this program knows \(SavedMachine.version)")
        }
        if version == 1 {
            guard let header = decode(SavedMachine.Header.self, json) else { throw unreadable }
            return .first(header)
        }
        var hash = StateHash()
        (start + json).withUnsafeBytes { hash.combine($0) }
        guard 12 + length + 8 <= SavedMachine.pageBase, let contents = decode(Contents.self, json) else { throw unreadable }
        guard try bytes(descriptor, at: UInt64(12 + length), count: 8).littleEndian(at: 0) == hash.value else { throw wrongCheck }
        var information = stat()
        guard fstat(descriptor, &information) == 0, information.st_mode & S_IFMT == S_IFREG else {
            throw MachineError(.savedCorrupt, detail: "it is no regular file")
        }
        let frame = SavedMachineFrame(
            descriptor: descriptor, contents: contents, fileSize: UInt64(clamping: information.st_size),
            modified: UInt64(clamping: information.st_mtim.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: information.st_mtim.tv_nsec))
        try frame.check()
        return .second(frame)
    }

    /// The file has not been written to since its writer was done with it.
    var isAsWritten: Bool { contents.written == modified }

    /// Has the file's time of modification say that it is as it was written.
    static func stamp(_ descriptor: Int32, _ written: UInt64?) {
        guard let written else { return }
        let time = timespec(tv_sec: Int(clamping: written / 1_000_000_000), tv_nsec: Int(written % 1_000_000_000))
        // Where that is not to be had, the pages are looked at before each use.
        _ = [time, time].withUnsafeBufferPointer { futimens(descriptor, $0.baseAddress) }
    }

    private func check() throws(MachineError) {
        guard (1...Self.mostPages).contains(pages) else { throw Self.unreadable }
        let mapBytes = (pages + 63) / 64 * 8
        guard contents.decided.bytes == mapBytes, contents.filled.bytes == mapBytes,
            (0...SavedMachine.headerLimit).contains(contents.header.bytes),
            (0...pages * 4).contains(contents.sums.bytes)
        else { throw Self.unreadable }
        guard UInt64(SavedMachine.pageBase + pages * Int(GuestMemory.pageSize)) <= fileSize else { throw MachineError(.savedTruncated) }
        for part in [contents.decided, contents.filled, contents.header, contents.sums] {
            let (end, overflow) = part.at.addingReportingOverflow(UInt64(part.bytes))
            guard !overflow, end <= fileSize else { throw MachineError(.savedTruncated) }
        }
    }

    func header() throws(MachineError) -> SavedMachine.Header {
        guard let header = Self.decode(SavedMachine.Header.self, try read(contents.header)), header.identity != nil,
            UInt64(pages) == (header.memoryBytes ?? header.shape.memoryBytes) / GuestMemory.pageSize
        else { throw Self.unreadable }
        return header
    }

    func pageFile() throws(MachineError) -> PageFile {
        let decided = PageSet(count: pages, words: try words(contents.decided))
        let filled = PageSet(count: pages, words: try words(contents.filled))
        guard let decided, let filled else { throw MachineError(.savedCorrupt, detail: "its map of pages is wrong") }
        var stray = filled
        stray.subtract(decided)
        guard stray.isEmpty else { throw MachineError(.savedCorrupt, detail: "its map of pages is wrong") }
        return PageFile(descriptor: descriptor, offset: UInt64(SavedMachine.pageBase), decided: decided, filled: filled)
    }

    func sums() throws(MachineError) -> [UInt32] { Self.integers(try read(contents.sums)) }

    private func words(_ part: Part) throws(MachineError) -> [UInt64] { Self.integers(try read(part)) }

    /// As they lie in memory, which is little-endian as the file is (x86-64); none where the last one is not whole.
    private static func integers<Value: FixedWidthInteger>(_ bytes: [UInt8]) -> [Value] {
        let (all, rest) = bytes.count.quotientAndRemainder(dividingBy: MemoryLayout<Value>.size)
        guard rest == 0 else { return [] }
        return [Value](unsafeUninitializedCapacity: all) { buffer, count in
            bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(buffer).copyMemory(from: $0) }
            count = all
        }
    }

    private func read(_ part: Part) throws(MachineError) -> [UInt8] {
        let bytes = try Self.bytes(descriptor, at: part.at, count: part.bytes)
        var hash = StateHash()
        bytes.withUnsafeBytes { hash.combine($0) }
        guard hash.value == part.check else { throw Self.wrongCheck }
        return bytes
    }

    static let unreadable = MachineError(.savedCorrupt, detail: "its header cannot be read")
    static let wrongCheck = MachineError(.savedCorrupt, detail: "its check sum is wrong")

    private static func decode<Value: Decodable>(_ type: Value.Type, _ json: [UInt8]) -> Value? {
        try? JSONDecoder().decode(type, from: Data(json))
    }

    /// Bytes from anywhere in a file. A file that ends before them ends early.
    static func bytes(_ descriptor: Int32, at offset: UInt64, count: Int) throws(MachineError) -> [UInt8] {
        guard let offset = off_t(exactly: offset), offset <= .max - off_t(count) else { throw MachineError(.savedTruncated) }
        var failure: MachineError?
        let result = [UInt8](unsafeUninitializedCapacity: count) { buffer, done in
            while done < count {
                let got = pread(descriptor, buffer.baseAddress.map { $0 + done }, count - done, offset + off_t(done))
                if got < 0, errno == EINTR { continue }
                guard got > 0 else {
                    failure =
                        got == 0
                        ? MachineError(.savedTruncated)
                        : MachineError(.savedCorrupt, detail: "it cannot be read, \(String(cString: strerror(errno)))")
                    return
                }
                done += got
            }
        }
        if let failure { throw failure }
        return result
    }
}
