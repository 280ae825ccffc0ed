import Basics
import Glibc
import Storage
import Testing

/// The power fails after each change that forks and merges of a running disk make. What is left opens by what the images say of each
/// other, with identifiers checked, and every state reads as it did.
@Suite struct LivePowerCutTests {
    @Test(arguments: [DiskFormat.vhdx, .vhd]) func statesSurvive(format: DiskFormat) throws {
        let store = CutStore(format)
        let disk = try LiveDisk(files: [(try store.makeBase("base"), format)])
        let guest = GuestLoad(disk, model: [UInt8](repeating: 0, count: Int(CutStore.size)), seed: 30, discards: false)
        func write() throws {
            store.isWatching = false
            guest.run(12)
            try disk.flush()
            store.states[store.now] = guest.model
            store.isWatching = true
        }
        try write()
        for name in ["k1", "k2", "k3"] {
            try store.fork(disk, to: name)
            try write()
        }
        // k1 is no state any more and goes into the base; then the base's own state goes too.
        store.states["base"] = nil
        store.states["k1"] = nil
        try disk.merge("/d/k1", children: { [] }, recording: { store.remove("k1") }, progress: { _ in true })
        try write()
        store.states["base"] = nil
        store.states["k2"] = nil
        try disk.merge("/d/k2", children: { [] }, recording: { store.remove("k2") }, progress: { _ in true })
        try write()
        // The one that is written, while nobody writes.
        try disk.merge("/d/k3", children: { [] }, recording: { store.rename("k3", "base") }, progress: { _ in true })
        store.remove("k3")
        try write()
        try disk.close()
        #expect(store.mistakes.isEmpty, "\(store.mistakes.joined(separator: "\n"))")
        #expect(store.cuts > 60)
        #expect(try store.read("base", cut: false) == guest.model)
    }

    @Test(arguments: [DiskFormat.vhdx, .vhd]) func fullDisksLoseNothing(format: DiskFormat) throws {
        for room in stride(from: UInt64(16 << 10), through: 2 << 20, by: 200 << 10) {
            let store = CutStore(format)
            let disk = try LiveDisk(files: [(try store.makeBase("base"), format)])
            let guest = GuestLoad(disk, model: [UInt8](repeating: 0, count: Int(CutStore.size)), seed: 31, discards: false)
            guest.run(12)
            try store.fork(disk, to: "k1")
            guest.run(20)
            try store.fork(disk, to: "k2")
            guest.run(20)
            store.isWatching = false
            let base = try #require(store.files["base"])
            base.capacity = UInt64(base.content.pages.count) * SparseBytes.pageSize + room
            for name in ["k1", "k2"] {
                do {
                    try disk.merge("/d/\(name)", children: { [] }, recording: {}, progress: { _ in true })
                } catch let error as any DescribedError {
                    #expect(error.category == .resourceUnavailable, "\(error)")
                }
                try guest.expectContent(of: disk)
            }
            base.capacity = nil
            guest.run(20)
            for image in disk.chain.dropLast().reversed() {
                try disk.merge(image.path, children: { [] }, recording: {}, progress: { _ in true })
            }
            guest.run(20)
            try disk.close()
            #expect(try store.read("base", cut: false) == guest.model)
        }
    }
}

/// Image files in memory that can lose power, and what a machine's configuration says about them.
final class CutStore: @unchecked Sendable {
    // Safety: one test's thread uses it.
    static let size: UInt64 = 5 << 20
    let format: DiskFormat
    var files: [String: PowerLossFile] = [:]
    /// What each image that is a state should read as; `now` is the one that is written.
    var states: [String: [UInt8]] = [:]
    var now = "base"
    var isWatching = false
    private(set) var cuts = 0
    private(set) var mistakes: [String] = []
    private var random = SplitMix(seed: 5)

    init(_ format: DiskFormat) { self.format = format }

    func makeBase(_ name: String) throws -> any LiveImageFile {
        let file = newFile(name)
        if format == .vhd {
            var options = VHDOptions(size: Self.size, kind: .dynamic)
            options.blockSize = 256 << 10
            try VHDImage.create(on: file, options)
        } else {
            var options = VHDXOptions(size: Self.size, kind: .dynamic)
            options.blockSize = 1 << 20
            try VHDXImage.create(on: file, options)
        }
        files[name] = file
        return CutFile(file, "/d/\(name)", isWritable: true)
    }

    private func newFile(_ name: String) -> PowerLossFile {
        let file = PowerLossFile(name: name)
        file.afterChange = { [unowned self] in powerFails() }
        return file
    }

    func fork(_ disk: LiveDisk, to name: String) throws {
        let file = newFile(name)
        try disk.prepareFork(
            path: "/d/\(name)",
            creating: { write in
                try write(file)
                try file.synchronise()
                self.files[name] = file
                return CutFile(file, "/d/\(name)", isWritable: true)
            }, removing: { self.files[name] = nil })
        try LiveDisk.commitForks([disk]) {
            states[name] = states[now]
            now = name
        }
    }

    func remove(_ name: String) { files[name] = nil }

    /// The state `old` is the image `new` from now on.
    func rename(_ old: String, _ new: String) {
        states[new] = states.removeValue(forKey: old)
        if now == old { now = new }
    }

    private func powerFails() {
        cuts += 1
        guard isWatching, mistakes.count < 5, cuts < 200 || cuts % 4 == 0 else { return }
        for (name, content) in states {
            do {
                if try read(name, cut: true) != content { mistakes.append("cut \(cuts): “\(name)” reads otherwise") }
            } catch { mistakes.append("cut \(cuts): “\(name)”: \(error)") }
        }
    }

    /// The content of a state, following what the images say of their parents.
    func read(_ name: String, cut: Bool) throws -> [UInt8] {
        let disk = try open(name, cut: cut)
        return try disk.read(at: 0, count: Int(disk.size))
    }

    private func open(_ name: String, cut: Bool) throws -> any Disk {
        guard let file = files[name] else { throw TestFailure(description: "no image \(name)") }
        let left = PowerLossFile(cut ? file.afterPowerLoss(using: &random) : file.content, name: name, isReadOnly: true)
        if format == .vhd {
            let parent = try VHDInformation(file: left).parentLink?.relativePath
            return try VHDImage(file: left, parent: try parent.map { try open($0, cut: cut) }, readOnly: true)
        }
        let parent = try VHDXInformation(file: left).parentLink?.relativePath
        return try VHDXImage(file: left, parent: try parent.map { try open($0, cut: cut) }, readOnly: true)
    }
}

/// A file of such a store as a live disk uses it.
private final class CutFile: LiveImageFile, @unchecked Sendable {
    // Safety: one test's thread uses it.
    private let file: PowerLossFile
    let path: String
    private(set) var isWritable: Bool

    init(_ file: PowerLossFile, _ path: String, isWritable: Bool) { (self.file, self.path, self.isWritable) = (file, path, isWritable) }

    func forReading() -> any DiskFile { FileView(file, isReadOnly: true) }
    func forWriting() -> any DiskFile {
        isWritable = true
        return FileView(file, isReadOnly: false)
    }
    func share() { isWritable = false }
    func close() {}
}

/// One opening of a file.
private final class FileView: DiskFile, @unchecked Sendable {
    // Safety: one test's thread uses it.
    private let file: PowerLossFile
    let isReadOnly: Bool
    init(_ file: PowerLossFile, isReadOnly: Bool) { (self.file, self.isReadOnly) = (file, isReadOnly) }

    var name: String { file.name }
    func size() throws(DiskError) -> UInt64 { try file.size() }
    func read(into segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) { try file.read(into: segments, at: offset) }
    func write(from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) {
        try file.write(from: segments, at: offset)
    }
    func truncate(to size: UInt64) throws(DiskError) { try file.truncate(to: size) }
    func allocate(at offset: UInt64, count: UInt64) throws(DiskError) { try file.allocate(at: offset, count: count) }
    func punchHole(at offset: UInt64, count: UInt64) throws(DiskError) { try file.punchHole(at: offset, count: count) }
    func synchronise() throws(DiskError) { try file.synchronise() }
    func close() {}
}
