import Basics
import Glibc
import Storage
import Testing

/// A disk moves to another folder under a guest that writes.
@Suite struct LiveMirrorTests {
    let fixture: LiveFixture
    var folder: DiskFolder { fixture.folder }
    init() throws { fixture = try LiveFixture() }

    private func empty() -> [UInt8] { [UInt8](repeating: 0, count: Int(LiveFixture.size)) }

    @Test(arguments: ["a.vhdx", "a.vhd", "a.raw"], [DiskKind.dynamic, .fixed]) func theGuestGoesOnInTheCopy(name: String, kind: DiskKind)
        throws
    {
        try fixture.create(name, kind)
        _ = folder.folder("new")
        let disk = try fixture.open(name)
        let identity = disk.identifier
        let guest = GuestLoad(disk, model: empty(), seed: 20)
        guest.run(60)
        guest.start()
        guest.waitForWork()
        try disk.mirror(to: try fixture.place("new/\(name)"))
        guest.waitForWork()
        guest.stop()
        #expect(disk.chain.map(\.path) == [folder("new/\(name)")])
        #expect(disk.chain[0].kind == (name == "a.raw" ? .fixed : kind))
        #expect(disk.identifier == identity)
        // The old file is nobody's; the new one is the machine's.
        try fixture.place(name).open(readOnly: false).close()
        #expect(throws: DiskOpenError.self) { try fixture.place("new/\(name)").open(readOnly: true) }
        try disk.close()
        #expect(try fixture.content("new/\(name)") == guest.model)
        if name != "a.raw" { try fixture.expectWhole("new/\(name)") }
    }

    @Test(arguments: ["a.vhdx", "a.vhd"]) func aChainMovesWithItsCheckpoints(name: String) throws {
        try fixture.create(name)
        _ = folder.folder("new")
        let disk = try fixture.open(name)
        let guest = GuestLoad(disk, model: empty(), seed: 21)
        for _ in 0..<2 {
            guest.run(40)
            try disk.fork(to: try fixture.place(name).differencingPlace(disk.chain[0].format))
        }
        guest.start()
        let names = fixture.names(disk)
        for frozen in names.dropFirst() {
            try fixture.work.copyImage(from: try fixture.place(frozen), to: try fixture.place("new/\(frozen)"))
        }
        // Copies in the wrong order are no parents of this disk.
        #expect(throws: (any Error).self) {
            try disk.mirror(to: try fixture.place("new/x.\(name.suffix(4))"), parents: [try fixture.place("new/\(names[2])")])
        }
        try disk.mirror(
            to: try fixture.place("new/\(names[0])"), parents: try names.dropFirst().map { try fixture.place("new/\($0)") })
        guest.waitForWork()
        guest.stop()
        try guest.expectContent(of: disk)
        // What follows happens in the new place.
        try disk.merge(folder("new/\(names[1])")) { try fixture.place("new/\(names[1])").unlink() }
        guest.run(20)
        try disk.close()
        for old in names { unlink(folder(old)) }
        #expect(try fixture.content("new/\(names[0])") == guest.model)
    }

    @Test func aStoppedMoveLeavesNothing() throws {
        try fixture.create("a.vhdx")
        _ = folder.folder("new")
        let disk = try fixture.open("a.vhdx")
        let guest = GuestLoad(disk, model: empty(), seed: 22)
        guest.run(60)
        guest.start()
        let failure = #expect(throws: DiskOperationError.self) {
            try disk.mirror(to: try fixture.place("new/a.vhdx"), progress: { $0 < 0.3 })
        }
        #expect(failure?.code == .stopped)
        struct Refusal: Error {}
        #expect(throws: Refusal.self) { try disk.mirror(to: try fixture.place("new/a.vhdx")) { throw Refusal() } }
        guest.waitForWork()
        guest.stop()
        #expect(rmdir(folder("new")) == 0)
        #expect(disk.chain.map(\.path) == [folder("a.vhdx")])
        try disk.close()
        #expect(try fixture.content("a.vhdx") == guest.model)
    }
}
