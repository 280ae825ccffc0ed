import Basics
import Foundation
import Management
import Storage
import Testing

/// VHD sets: every snapshot keeps what the disk held, and nothing of what is written is lost when one goes.
@Suite struct DiskSetTests {
    let folder: TemporaryFolder
    let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = folder.path + "/data.vhds"
        try DiskSet.make(path) { try TransferFixture.make($0) }
    }

    /// The first letters of three blocks.
    private func content(_ path: String) throws -> String {
        let bytes = try TransferFixture.read(path, count: 3 << 12)
        return String(decoding: (0..<3).map { bytes[$0 << 12] == 0 ? 45 : bytes[$0 << 12] }, as: UTF8.self)
    }

    /// Writes a, b and c at three places with a snapshot before each but the first.
    private func fill() throws -> [DiskSet.Snapshot] {
        var set = try DiskSet(path)
        var made: [DiskSet.Snapshot] = []
        for (index, letter) in ["a", "b", "c"].enumerated() {
            if index > 0 { made.append(try set.makeSnapshot(DiskOperations())) }
            try TransferFixture.write(set.activePath, letter, at: UInt64(index) << 12)
        }
        return made
    }

    private var images: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).filter { $0.hasSuffix(".avhdx") }
    }

    @Test(arguments: [[0, 1], [1, 0]])
    func snapshotsGoInAnyOrder(_ order: [Int]) throws {
        let made = try fill()
        var set = try DiskSet(path)
        #expect(try content(set.activePath) == "abc")
        #expect(try content(set.paths(of: made[0]).path) == "a--")
        #expect(try content(set.paths(of: made[1]).path) == "ab-")
        try set.removeSnapshots([made[order[0]].id], DiskOperations())
        // The image that holds it may be another now.
        let left = try #require(set.snapshots.first { $0.id == made[order[1]].id })
        #expect(try content(set.activePath) == "abc")
        #expect(try content(set.paths(of: left).path) == (order[1] == 0 ? "a--" : "ab-"))
        try set.removeSnapshots([left.id], DiskOperations())
        #expect(try content(set.activePath) == "abc")
        #expect(images.count == 1)
        #expect(try DiskSet(path).snapshots.isEmpty)
    }

    /// As a kill between two steps leaves it: the document says what was begun.
    @Test(arguments: [true, false])
    func aMergeThatWasCutIsCarriedOn(_ isWritten: Bool) throws {
        let made = try fill()
        var set = try DiskSet(path)
        let names = set.paths.map { String($0.split(separator: "/").last ?? "") }
        let text = try String(contentsOfFile: path, encoding: .utf8)
        guard let begin = text.range(of: "\"snapshots\"") else {
            Issue.record("no snapshots")
            return
        }
        let cut = text.replacingCharacters(in: begin, with: "\"merging\" : \"\(names[1])\",\n  \"snapshots\"")
        if isWritten {
            try DiskOperations().merge(set.paths[1], into: set.paths[0])
        }
        try cut.write(toFile: path, atomically: true, encoding: .utf8)
        set = try DiskSet(path)
        try set.optimize(DiskOperations())
        #expect(try content(set.activePath) == "abc")
        #expect(images.count == 2)
        #expect(try DiskSet(path).snapshots.map(\.id) == made.map(\.id))
    }

    @Test func aSetInUseIsLeftAlone() throws {
        let made = try fill()
        var set = try DiskSet(path)
        let held = try DiskChain.resolve(path: set.activePath, format: .vhdx)
        defer { held.close() }
        let before = try String(contentsOfFile: path, encoding: .utf8)
        #expect(throws: DiskOpenError.self) { _ = try set.makeSnapshot(DiskOperations()) }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == before)
        #expect(throws: (any Error).self) { try set.removeSnapshots([made[0].id], DiskOperations()) }
        #expect(try DiskSet(path).snapshots == made)
        #expect(images.count == 3)
    }
}
