import Glibc
import Storage
import TestSupport

/// A temporary folder for image files, removed with the object.
final class DiskFolder: Sendable {
    let path: String

    init() throws {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/lunavisor-disks-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw TestFailure(description: "mkdtemp: \(errno)") }
        path = String(cString: made)
    }

    deinit { _ = system("rm -rf '\(path)'") }

    func callAsFunction(_ name: String) -> String { path + "/" + name }

    func folder(_ name: String) -> String {
        mkdir(self(name), 0o755)
        return self(name)
    }

    /// Writes a file of these bytes.
    @discardableResult func file(_ name: String, _ bytes: [UInt8]) throws -> String {
        let descriptor = open(self(name), O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        guard descriptor >= 0, write(descriptor, bytes, bytes.count) == bytes.count else {
            throw TestFailure(description: "\(name): \(errno)")
        }
        Glibc.close(descriptor)
        return self(name)
    }

    func bytes(_ name: String) throws -> [UInt8] {
        let file = try HostDiskFile.open(path: self(name), readOnly: true)
        defer { file.close() }
        return try file.bytes(at: 0, count: Int(file.size()))
    }

    var names: [String] {
        guard let handle = opendir(path) else { return [] }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}

/// A program of another project that reads and writes our formats.
enum ForeignTool {
    static let qemuImg = installed("qemu-img")
    static let vhdiInfo = installed("vhdiinfo")

    private static func installed(_ name: String) -> String? {
        let places: [String] = ["/usr/bin/", "/usr/local/bin/"]
        return places.map { (place: String) -> String in place + name }.first { (path: String) -> Bool in access(path, X_OK) == 0 }
    }

    /// Runs it to its end; its output with the exit code.
    @discardableResult
    static func run(_ tool: String?, _ arguments: String..., in folder: DiskFolder) throws -> (code: Int32, text: String) {
        try run(tool, arguments, in: folder)
    }

    static func run(_ tool: String?, _ arguments: [String], in folder: DiskFolder) throws -> (code: Int32, text: String) {
        guard let tool else { throw TestFailure(description: "the tool is not installed") }
        let output = "output-\(UInt64.random(in: 0 ... .max))"
        let process = try ChildProcess(
            tool, arguments, environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C"], streams: ("/dev/null", folder(output), folder(output)))
        guard case .exited(let code) = process.ending(within: 300) else {
            throw TestFailure(description: "\(tool) did not end")
        }
        defer { unlink(folder(output)) }
        return (code, String(decoding: try folder.bytes(output), as: UTF8.self))
    }
}

/// What a test could not prepare.
struct TestFailure: Error, CustomStringConvertible {
    var description: String
}

/// Whole requests of one buffer.
extension Disk {
    func read(at offset: UInt64, count: Int) throws(DiskError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0xa5, count: count)
        var failure: DiskError?
        bytes.withUnsafeMutableBytes { buffer in
            withUnsafePointer(to: iovec(iov_base: buffer.baseAddress, iov_len: count)) { segment in
                do throws(DiskError) { try read(into: UnsafeBufferPointer(start: segment, count: 1), at: offset) } catch { failure = error }
            }
        }
        if let failure { throw failure }
        return bytes
    }

    func write(_ bytes: [UInt8], at offset: UInt64) throws(DiskError) {
        var failure: DiskError?
        bytes.withUnsafeBytes { buffer in
            withUnsafePointer(to: iovec(iov_base: UnsafeMutableRawPointer(mutating: buffer.baseAddress), iov_len: bytes.count)) { segment in
                do throws(DiskError) { try write(from: UnsafeBufferPointer(start: segment, count: 1), at: offset) } catch {
                    failure = error
                }
            }
        }
        if let failure { throw failure }
    }
}

/// A repeatable stream of numbers (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
    mutating func bytes(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 8)
        while bytes.count < count { withUnsafeBytes(of: next()) { bytes.append(contentsOf: $0) } }
        return Array(bytes.prefix(count))
    }
}
