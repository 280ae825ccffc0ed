import Basics
import Glibc
import Management
import Persistence
import Storage
import Synchronization
import Testing

/// A VM with two disks, one of them a chain of the user's own, and two checkpoints; and a second store that it can be imported into.
struct TransferFixture {
    let test: TestHost
    let machine: VirtualMachine
    let other: TestHost

    var place: String { test.folder.path + "/exports" }
    var export: String { place + "/web01" }

    init() throws {
        (test, other) = (try TestHost(), try TestHost())
        machine = try test.machine()
        let (base, own, second) = (path("base.vhdx"), path("own.vhdx"), path("second.vhd"))
        try Self.make(base)
        try Self.write(base, "base", at: 0)
        try Self.make(own, on: base)
        try Self.write(own, "own", at: 4096)
        try Self.make(second)
        try attach(own)
        try attach(second)
        try Self.write(second, "second", at: 0)
        _ = try machine.makeCheckpoint(named: "first")
        try writeNow(0, "after the first", at: 8192)
        _ = try machine.makeCheckpoint(named: "second")
        try writeNow(0, "now", at: 12288)
        try writeNow(1, "now too", at: 512)
    }

    func path(_ name: String) -> String { test.folder.path + "/" + name }

    private func attach(_ path: String) throws {
        let drive = try VirtualMachineConfiguration.Drive(kind: .hardDisk, location: 0, imagePath: path)
        try machine.configure { try $0.add(drive, controller: 0, location: nil) }
    }

    private func writeNow(_ index: Int, _ text: String, at offset: UInt64) throws {
        let path = try #require(try machine.configuration().drives[index].drive.path)
        try Self.write(path, text, at: offset)
    }

    /// The beginnings of all disks, those at checkpoints first.
    static func contents(of machine: VirtualMachine) throws -> [[UInt8]] {
        let configuration = try machine.configuration()
        return try (configuration.checkpoints.map(\.configuration) + [configuration]).flatMap(\.drives).map { placed in
            try read(try #require(placed.drive.path), count: 64 << 10)
        }
    }

    /// Names and parents of the checkpoints.
    static func tree(of machine: VirtualMachine) throws -> [String] {
        let configuration = try machine.configuration()
        return configuration.checkpoints.map {
            "\($0.name) from \($0.parentId.flatMap { configuration.checkpoint($0)?.name } ?? "nothing")"
        }
    }

    static func make(_ path: String, on parent: String? = nil) throws {
        var specification = DiskSpecification(
            path: path, kind: parent == nil ? .dynamic : .differencing, size: parent == nil ? 16 << 20 : nil)
        specification.parentPath = parent
        try DiskOperations().create(specification)
    }

    static func write(_ path: String, _ text: String, at offset: UInt64) throws {
        let format = try #require(DiskFormat.of(fileName: path))
        let disk = try DiskChain.resolve(path: path, format: format).disk()
        var bytes = Array(text.utf8) + [UInt8](repeating: 7, count: 4096)
        let result = Result {
            try bytes.withUnsafeMutableBytes { buffer in
                var segment = iovec(iov_base: buffer.baseAddress, iov_len: 4096)
                try withUnsafePointer(to: &segment) { try disk.write(from: UnsafeBufferPointer(start: $0, count: 1), at: offset) }
            }
        }
        try disk.close()
        try result.get()
    }

    static func read(_ path: String, count: Int) throws -> [UInt8] {
        let format = try #require(DiskFormat.of(fileName: path))
        let disk = try DiskChain.resolve(path: path, format: format, readOnly: true).disk(readOnly: true)
        defer { try? disk.close() }
        var bytes = [UInt8](repeating: 0, count: count)
        try bytes.withUnsafeMutableBytes { buffer in
            var segment = iovec(iov_base: buffer.baseAddress, iov_len: count)
            try withUnsafePointer(to: &segment) { try disk.read(into: UnsafeBufferPointer(start: $0, count: 1), at: 0) }
        }
        return bytes
    }

    /// Everything beneath a folder, hidden things too.
    static func listing(_ path: String) throws -> [String] {
        guard let folder = try? Folder(path: path) else { return [] }
        return try folder.names().flatMap { name in
            [name] + (try listing(path + "/" + name)).map { name + "/" + $0 }
        }
    }

    /// Replaces text in a file of the export.
    func edit(_ name: String, _ old: String, _ new: String) throws {
        let slash = name.lastIndex(of: "/")
        let folder = try Folder(path: export + (slash.map { "/" + name[..<$0] } ?? ""))
        let file = slash.map { String(name[name.index(after: $0)...]) } ?? name
        let text = String(decoding: try folder.readFile(file), as: UTF8.self)
        let range = try #require(text.range(of: old), "\(old) in \(name)")
        try folder.replaceFile(file, with: Array(text.replacingCharacters(in: range, with: new).utf8))
    }
}

extension String {
    fileprivate func range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }

    fileprivate func replacingCharacters(in range: Range<Index>, with text: String) -> String {
        self[..<range.lowerBound] + text + self[range.upperBound...]
    }
}

/// Says yes from the n-th question on.
final class StopAfter: Sendable {
    private let left: Mutex<Int>
    init(_ count: Int) { left = Mutex(count) }
    var isReached: Bool {
        left.withLock { left in
            left -= 1
            return left < 0
        }
    }
}
