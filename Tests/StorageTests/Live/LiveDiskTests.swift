import Basics
import Glibc
import Storage
import Synchronization
import Testing

/// Forks, merges and moves under a guest that reads and writes.
@Suite struct LiveDiskTests {
    let fixture: LiveFixture
    var folder: DiskFolder { fixture.folder }
    init() throws { fixture = try LiveFixture() }

    private func empty() -> [UInt8] { [UInt8](repeating: 0, count: Int(LiveFixture.size)) }

    @Test(arguments: ["a.vhdx", "a.vhd"], [DiskKind.dynamic, .fixed]) func guestSeesOneDiskThroughItAll(name: String, kind: DiskKind) throws
    {
        try fixture.create(name, kind)
        let disk = try fixture.open(name)
        let identity = disk.identifier
        let guest = GuestLoad(disk, model: empty(), seed: 7)
        guest.run(60)
        guest.start()
        var frozen: [(name: String, content: [UInt8])] = []
        for _ in 1...3 {
            guest.waitForWork()
            guest.stop()
            frozen.append((fixture.names(disk)[0], guest.model))
            try disk.fork(to: try fixture.place(name).differencingPlace(disk.chain[0].format))
            guest.start()
        }
        guest.waitForWork()
        // What is frozen can be read beside the machine, and is what it was.
        for state in frozen { #expect(try fixture.content(state.name) == state.content, "\(state.name)") }
        #expect(disk.chain.map(\.isWritable) == [true, false, false, false])

        // The middle one, then the one on the base, then the one that is written.
        let names = fixture.names(disk)
        for merged in [names[1], names[2]] {
            try disk.merge(folder(merged)) { try fixture.place(merged).unlink() }
            guest.waitForWork()
        }
        #expect(try fixture.content(name) == frozen[2].content)
        try disk.merge(folder(names[0])) { try fixture.place(names[0]).unlink() }
        #expect(fixture.names(disk) == [name])
        guest.waitForWork()
        guest.stop()
        try guest.expectContent(of: disk)
        #expect(disk.identifier == identity)
        try disk.close()
        #expect(folder.names == [name])
        #expect(try fixture.content(name) == guest.model)
        try fixture.expectWhole(name)
    }

    @Test(arguments: ["a.vhdx", "a.vhd"]) func aForkInTheMiddleOfWorkIsWhole(name: String) throws {
        try fixture.create(name)
        let disk = try fixture.open(name)
        let guest = GuestLoad(disk, model: empty(), seed: 3, discards: false)
        guest.run(50)
        guest.start()
        for _ in 0..<10 {
            guest.waitForWork()
            try disk.fork(to: try fixture.place(name).differencingPlace(disk.chain[0].format))
        }
        guest.waitForWork()
        // All frozen ones, lowest first; the written one at last.
        for image in disk.chain.dropFirst().dropLast().reversed() {
            try disk.merge(image.path) { try ImagePlace(path: image.path).unlink() }
        }
        guest.stop()
        let now = fixture.names(disk)[0]
        try disk.close()
        #expect(folder.names == [name, now].sorted())
        #expect(try fixture.content(now) == guest.model)
        try fixture.expectWhole(name)
        // The chain that a machine is started with was opened for reading below; it can be merged all the same.
        let again = try fixture.open(now)
        let second = GuestLoad(again, model: guest.model, seed: 4)
        second.start()
        try again.merge(folder(now)) { try fixture.place(now).unlink() }
        second.stop()
        try again.close()
        #expect(try fixture.content(name) == second.model)
    }

    @Test(arguments: ["a.vhdx", "a.vhd"]) func otherChildrenAreRelinked(name: String) throws {
        let format = try #require(DiskFormat.of(fileName: name))
        let (k, side, now) = (
            "k.a\(format.rawValue.lowercased())", "side.a\(format.rawValue.lowercased())", "now.a\(format.rawValue.lowercased())"
        )
        try fixture.create(name)
        let disk = try fixture.open(name)
        let guest = GuestLoad(disk, model: empty(), seed: 5)
        guest.run(40)
        try disk.fork(to: try fixture.place(k))
        guest.run(40)
        try disk.fork(to: try fixture.place(side))
        let atK = guest.model
        guest.run(40)
        let atSide = guest.model
        try disk.close()
        // Back to the checkpoint: another branch on the same image.
        var specification = DiskSpecification(path: folder(now), kind: .differencing)
        specification.parentPath = folder(k)
        try fixture.work.create(specification)
        let branch = try fixture.open(now)
        let other = GuestLoad(branch, model: atK, seed: 6)
        other.start()
        try branch.merge(folder(k), children: [try fixture.place(side)]) { try fixture.place(k).unlink() }
        other.stop()
        try branch.close()
        #expect(folder.names == [name, now, side].sorted())
        #expect(try fixture.content(side) == atSide)
        #expect(try fixture.content(now) == other.model)
        #expect(try fixture.content(name) == atK)
    }

    @Test(arguments: ["a.vhdx", "a.vhd"]) func aGuestWritesWhileTheEndOfAMergeWaits(name: String) throws {
        try fixture.create(name)
        let disk = try fixture.open(name)
        let guest = GuestLoad(disk, model: empty(), seed: 9)
        guest.run(60)
        try disk.fork(to: try fixture.place(name).differencingPlace(disk.chain[0].format))
        guest.run(60)
        let names = fixture.names(disk)
        var order: [String] = []
        try disk.merge(
            folder(names[0]), recording: { order.append("recorded") },
            preparing: {
                // Would never return if the guest had to wait for this.
                guest.run(60)
                order.append("prepared")
            })
        #expect(order == ["prepared", "recorded"])
        guest.run(20)
        try guest.expectContent(of: disk)
        try fixture.place(names[0]).unlink()
        try disk.close()
        #expect(try fixture.content(name) == guest.model)
        try fixture.expectWhole(name)
    }

    @Test(arguments: ["a.vhdx", "a.vhd"]) func stoppedMergesAreAsIfTheyHadNotBeen(name: String) throws {
        try fixture.create(name)
        let disk = try fixture.open(name)
        let guest = GuestLoad(disk, model: empty(), seed: 8)
        guest.run(60)
        for _ in 0..<2 {
            try disk.fork(to: try fixture.place(name).differencingPlace(disk.chain[0].format))
            guest.run(60)
        }
        let names = fixture.names(disk)
        guest.start()
        for (merged, steps) in [(names[0], 0), (names[1], 2), (names[0], 4), (names[1], 5), (names[0], 3)] {
            let count = Atomic(0)
            let failure = #expect(throws: DiskOperationError.self) {
                try disk.merge(folder(merged), progress: { _ in count.add(1, ordering: .relaxed).newValue <= steps })
            }
            #expect(failure?.code == .stopped)
            #expect(fixture.names(disk) == names)
        }
        struct Refusal: Error {}
        #expect(throws: Refusal.self) { try disk.merge(folder(names[0])) { throw Refusal() } }
        #expect(fixture.names(disk) == names)
        guest.stop()
        try guest.expectContent(of: disk)
        try disk.close()
        #expect(try fixture.content(names[0]) == guest.model)
        // Half-done work is simply done again, from either end.
        let again = try fixture.open(names[0])
        for merged in names.dropLast().reversed() { try again.merge(folder(merged)) { try fixture.place(merged).unlink() } }
        try again.close()
        #expect(folder.names == [name])
        #expect(try fixture.content(name) == guest.model)
        try fixture.expectWhole(name)
    }

    @Test func severalDisksForkAsOne() throws {
        for name in ["a.vhdx", "b.vhd", "c.vhdx"] { try fixture.create(name) }
        let disks = try ["a.vhdx", "b.vhd", "c.vhdx"].map { try fixture.open($0) }
        for (number, disk) in disks.enumerated() {
            try disk.prepareFork(to: try fixture.place("n\(number).a\(number == 1 ? "vhd" : "vhdx")"))
        }
        // Prepared forks freeze nothing.
        for disk in disks { try disk.write([UInt8](repeating: 5, count: 4096), at: 8192) }
        struct Refusal: Error {}
        #expect(throws: Refusal.self) { try LiveDisk.commitForks(disks) { throw Refusal() } }
        #expect(disks.allSatisfy { $0.chain.count == 1 })
        let failure = #expect(throws: DiskOperationError.self) { try disks[0].prepareFork(to: try fixture.place("again.avhdx")) }
        #expect(failure?.code == .busy)
        disks[2].abandonFork()
        #expect(folder.names == ["a.vhdx", "b.vhd", "c.vhdx", "n0.avhdx", "n1.avhd"])
        #expect(throws: DiskOperationError.self) { try LiveDisk.commitForks(disks) }
        try LiveDisk.commitForks([disks[1], disks[0], disks[1]])
        #expect(disks.map { $0.chain.count } == [2, 2, 1])
        for disk in disks {
            #expect(try disk.read(at: 8192, count: 4096) == [UInt8](repeating: 5, count: 4096))
            try disk.write([UInt8](repeating: 6, count: 4096), at: 8192)
        }
        #expect(try Array(fixture.content("a.vhdx")[8192..<12288]) == [UInt8](repeating: 5, count: 4096))
        // A prepared fork goes with the disk.
        try disks[0].prepareFork(to: try fixture.place("late.avhdx"))
        for disk in disks { try disk.close() }
        #expect(folder.names == ["a.vhdx", "b.vhd", "c.vhdx", "n0.avhdx", "n1.avhd"])
        #expect(try Array(fixture.content("n1.avhd")[8192..<12288]) == [UInt8](repeating: 6, count: 4096))
    }

    @Test func whatCannotBeForkedIsNamed() throws {
        try fixture.create("a.raw")
        let raw = try fixture.open("a.raw")
        let failure = #expect(throws: DiskOperationError.self) { try raw.fork(to: try fixture.place("b.avhdx")) }
        #expect(failure?.code == .notSupported)
        #expect(failure?.recommendedAction?.contains("Convert-VHD") == true)
        try raw.close()
        try fixture.create("a.vhdx")
        let disk = try fixture.open("a.vhdx")
        try folder.file("taken.avhdx", [1])
        let taken = #expect(throws: DiskOpenError.self) { try disk.fork(to: try fixture.place("taken.avhdx")) }
        #expect(taken?.code == .exists)
        symlink(folder("elsewhere"), folder("link.avhdx"))
        #expect(throws: DiskOpenError.self) { try disk.fork(to: try fixture.place("link.avhdx")) }
        #expect(throws: DiskOpenError.self) { try fixture.place("link.avhdx").open(readOnly: true) }
        #expect(throws: DiskOpenError.self) { try ImagePlace(folder: ImageFolder(path: folder.path), name: "../x") }
        #expect(throws: DiskOperationError.self) { try disk.merge(folder("a.vhdx")) }
        try disk.close()
        #expect(throws: DiskError.self) { try disk.fork(to: try fixture.place("b.avhdx")) }
        #expect(folder.names == ["a.raw", "a.vhdx", "link.avhdx", "taken.avhdx"])
    }

    @Test(arguments: ["a.vhdx", "a.vhd"]) func aParentThatOthersReadIsNotMergedInto(name: String) throws {
        try fixture.create(name)
        let disk = try fixture.open(name)
        let guest = GuestLoad(disk, model: empty(), seed: 9)
        guest.run(30)
        try disk.fork(to: try fixture.place(name).differencingPlace(disk.chain[0].format))
        guest.run(30)
        let reader = try fixture.place(name).open(readOnly: true)
        let failure = #expect(throws: DiskOpenError.self) { try disk.merge(disk.chain[0].path) }
        #expect(failure?.code == .inUse)
        #expect(failure?.target == folder(name))
        reader.close()
        guest.run(30)
        // Nobody else becomes a writer, before and after.
        #expect(throws: DiskOpenError.self) { try fixture.place(name).open(readOnly: false) }
        try disk.merge(disk.chain[0].path)
        guest.run(30)
        #expect(throws: DiskOpenError.self) { try fixture.place(name).open(readOnly: true) }
        try disk.close()
        #expect(try fixture.content(name) == guest.model)
    }

    @Test func chainsEndAtSixtyFour() throws {
        try fixture.create("a.vhdx")
        let disk = try fixture.open("a.vhdx")
        let guest = GuestLoad(disk, model: empty(), seed: 10, discards: false)
        for _ in 1..<DiskChain.greatestDepth {
            guest.run(4)
            try disk.fork(to: try fixture.place("a.vhdx").differencingPlace(.vhdx))
        }
        let failure = #expect(throws: DiskOpenError.self) { try disk.fork(to: try fixture.place("more.avhdx")) }
        #expect(failure?.code == .chainTooLong)
        let now = fixture.names(disk)[0]
        guest.run(20)
        try disk.close()
        #expect(try fixture.content(now) == guest.model)
        let again = try fixture.open(now)
        for image in again.chain.dropLast() { try again.merge(image.path) { try ImagePlace(path: image.path).unlink() } }
        try again.close()
        #expect(folder.names == ["a.vhdx"])
        #expect(try fixture.content("a.vhdx") == guest.model)
    }

    @Test func closingEndsWork() throws {
        try fixture.create("a.vhdx")
        let disk = try fixture.open("a.vhdx")
        let guest = GuestLoad(disk, model: empty(), seed: 11)
        guest.run(60)
        try disk.fork(to: try fixture.place("b.avhdx"))
        guest.run(60)
        let (hasBegun, isCancelled, outcome) = (Gate(), Gate(), Gate())
        HostThread.startDetached(name: "merge") {
            let failure = #expect(throws: DiskOperationError.self) {
                try disk.merge(
                    folder("b.avhdx"),
                    progress: { _ in
                        hasBegun.open()
                        isCancelled.wait()
                        return true
                    })
            }
            #expect(failure?.code == .stopped)
            outcome.open()
        }
        hasBegun.wait()
        disk.cancelWork()
        isCancelled.open()
        try disk.close()
        outcome.wait()
        #expect(try fixture.content("b.avhdx") == guest.model)
    }

    @Test func imagesOfCheckpointsHaveNamesOfTheirOwn() throws {
        let identifier = GUID()
        let text = identifier.description.uppercased()
        #expect(try fixture.place("disk.one.vhdx").differencingPlace(.vhdx, identifier).name == "disk.one_\(text).avhdx")
        #expect(try fixture.place("disk_\(GUID()).avhd").differencingPlace(.vhd, identifier).name == "disk_\(text).avhd")
        let long = String(repeating: "ü", count: 120) + ".vhdx"
        #expect(try fixture.place(long).differencingPlace(.vhdx, identifier).name.utf8.count <= 239)
    }
}

/// Opens once; others wait for it.
final class Gate: @unchecked Sendable {
    // Safety: the lock guards it.
    private let lock = HostLock()
    private var isOpen = false

    func open() {
        lock.withLock {
            isOpen = true
            lock.wakeAll()
        }
    }

    func wait() { lock.withLock { while !isOpen { lock.wait() } } }
}
