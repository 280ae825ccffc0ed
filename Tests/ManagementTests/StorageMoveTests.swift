import Basics
import Foundation
import Glibc
import Management
import Persistence
import Storage
import Testing

/// Moves of the storage of VMs that do not run.
@Suite struct StorageMoveTests {
    private let bench: MoveBench
    private var machine: VirtualMachine { bench.machine }

    init() throws { bench = try MoveBench() }

    @Test(
        "a disk moves with the images of all checkpoints, in every branch, and nothing stays behind", arguments: ["vhdx", "vhd"])
    func chain(format: String) throws {
        let bench = try MoveBench(format: format)
        let machine = bench.machine
        try bench.write(1, at: 0)
        let first = try machine.makeCheckpoint(named: "first").checkpoint
        try bench.write(2, at: 1)
        let second = try machine.makeCheckpoint(named: "second").checkpoint
        try bench.write(3, at: 2)
        try machine.applyCheckpoint(first.id)
        try bench.write(4, at: 3)
        let moves = try machine.moveStorage(to: bench.folder("new"))
        #expect(moves.flatMap(\.files).count == 3)
        #expect(bench.names("disks").isEmpty)
        #expect(bench.names("new/Virtual Hard Disks").count == 3)
        let configuration = try machine.configuration()
        #expect(configuration.moving == nil)
        #expect(try bench.numbers(configuration) == [1, 0, 0, 4])
        #expect(try bench.numbers(try #require(configuration.checkpoint(first.id)).configuration) == [1, 0, 0, 0])
        #expect(try bench.numbers(try #require(configuration.checkpoint(second.id)).configuration) == [1, 2, 0, 0])
        // What was moved goes on as before.
        _ = try machine.makeCheckpoint(named: "third")
        try bench.write(5, at: 4)
        try machine.applyCheckpoint(second.id)
        #expect(try bench.numbers(machine.configuration()) == [1, 2, 0, 0])
        try machine.removeCheckpoints(Set(machine.checkpoints().map(\.id)))
        #expect(bench.names("new/Virtual Hard Disks") == ["disk.\(format)"])
        #expect(try bench.numbers(machine.configuration()) == [1, 2, 0, 0])
        #expect(identifier { try machine.moveStorage(to: bench.folder("new")) } == "StorageSamePlace")
    }

    @Test("one disk goes to a place of its own name; what is to be moved is said before, with its size")
    func named() throws {
        try bench.write(1, at: 0)
        _ = try machine.makeCheckpoint(named: "one")
        let image = try #require(try machine.configuration().drives.first?.drive.path)
        var destinations = StorageDestinations()
        destinations.images = [(bench.disk, bench.path("fast/system.vhdx"))]
        let plan = try machine.planStorageMove(to: destinations)
        #expect(bench.names("fast").isEmpty)
        let files = plan.flatMap(\.files)
        #expect(files.map(\.source) == [bench.disk, image])
        #expect(files.allSatisfy { $0.size > 0 && !$0.staysAtSource })
        #expect(try machine.moveStorage(to: destinations) == plan)
        #expect(bench.names("fast") == ["system.vhdx", String(image.split(separator: "/").last ?? "")].sorted())
        #expect(try bench.numbers(machine.configuration()) == [1, 0, 0, 0])

        destinations.images = [(bench.disk, bench.path("x.vhdx"))]
        #expect(identifier { try machine.moveStorage(to: destinations) } == "DiskNotFound")
        destinations.images = [(bench.path("fast/system.vhdx"), bench.path("x.vhd"))]
        #expect(identifier { try machine.moveStorage(to: destinations) } == "DiskFormatInvalid")
        destinations.images = files.map { ($0.destination, "\(bench.path($0.parent == nil ? "a" : "b"))/\($0.size).vhdx") }
        #expect(identifier { try machine.moveStorage(to: destinations) } == "StorageDestinationInvalid")
    }

    @Test("parents that the user made are copied and stay, unless they shall go and nobody else needs them")
    func unmanaged() throws {
        let golden = bench.path("disks/golden.vhdx")
        try DiskOperations().create(DiskSpecification(path: golden, kind: .dynamic, size: MoveBench.size))
        let child = bench.path("disks/child.vhdx")
        var specification = DiskSpecification(path: child, kind: .differencing, size: nil)
        specification.parentPath = golden
        try DiskOperations().create(specification)
        try machine.configure { configuration in
            try configuration.changeDrive(.hardDisk, controller: configuration.controllers[0].id, location: 0) { _ in
                try VirtualMachineConfiguration.Drive(kind: .hardDisk, location: 0, imagePath: child)
            }
        }
        try bench.write(7, at: 1)
        try machine.moveStorage(to: bench.folder("new"))
        #expect(bench.names("new/Virtual Hard Disks") == ["child.vhdx", "golden.vhdx"])
        #expect(bench.names("disks") == ["disk.vhdx", "golden.vhdx"])
        #expect(try bench.numbers(machine.configuration()) == [0, 7, 0, 0])
        var destinations = bench.folder("newer")
        destinations.removesUnmanaged = true
        try machine.moveStorage(to: destinations)
        #expect(bench.names("new/Virtual Hard Disks").isEmpty)
        destinations = bench.folder("newest")
        destinations.keepsParents = true
        try machine.moveStorage(to: destinations)
        #expect(bench.names("newer/Virtual Hard Disks") == ["golden.vhdx"])
        #expect(try bench.numbers(machine.configuration()) == [0, 7, 0, 0])
    }

    @Test("memory of checkpoints moves, and that of new ones goes there")
    func memory() throws {
        try machine.start()
        try machine.save()
        let checkpoint = try machine.makeCheckpoint(named: "saved").checkpoint
        var destinations = StorageDestinations()
        destinations.snapshots = bench.path("snapshots")
        try machine.moveStorage(to: destinations)
        let configuration = try machine.configuration()
        #expect(configuration.snapshotFileLocation == bench.path("snapshots"))
        let memory = try #require(configuration.checkpoint(checkpoint.id)?.memory?.path)
        #expect(memory == bench.path("snapshots/\(machine.id)/\(checkpoint.id).memory"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: bench.test.path(machine, "checkpoints")).isEmpty)
        #expect(try machine.status().state == .saved)
        try machine.start()
        try machine.turnOff()
        try machine.applyCheckpoint(checkpoint.id)
        #expect(try machine.status().state == .saved)
        // The disk has stayed where it was.
        #expect(bench.names("disks").contains("disk.vhdx"))
        try machine.start()
        try machine.turnOff()
        try machine.removeCheckpoints([checkpoint.id])
        #expect(bench.names("snapshots/\(machine.id)").isEmpty)
    }

    @Test("what stands in the way is said before anything is copied")
    func refusals() throws {
        let before = try machine.configuration()
        mkdir(bench.path("new"), 0o700)
        mkdir(bench.path("new/Virtual Hard Disks"), 0o700)
        let theirs = bench.path("new/Virtual Hard Disks/disk.vhdx")
        #expect(FileManager.default.createFile(atPath: theirs, contents: Data("theirs".utf8)))
        #expect(identifier { try machine.moveStorage(to: bench.folder("new")) } == "StorageDestinationExists")
        #expect(FileManager.default.contents(atPath: theirs) == Data("theirs".utf8))

        let other = try bench.test.machine("other")
        let drive = try VirtualMachineConfiguration.Drive(kind: .hardDisk, location: 0, imagePath: bench.disk)
        try other.configure { _ = try $0.add(drive, controller: 0, location: 0) }
        #expect(identifier { try machine.moveStorage(to: bench.folder("elsewhere")) } == "StorageShared")
        try other.remove()

        let checkpoint = try machine.makeCheckpoint(named: "golden").checkpoint
        let clone = try #require(try bench.test.host.clone(checkpoint.id, of: machine, names: ["clone"]).first)
        #expect(identifier { try machine.moveStorage(to: bench.folder("elsewhere")) } == "StorageShared")
        // The clone's own disk may go; what it stands on stays.
        try clone.moveStorage(to: bench.folder("clones"))
        #expect(bench.names("clones/Virtual Hard Disks").count == 1)
        #expect(try bench.numbers(clone.configuration()) == [0, 0, 0, 0])
        _ = try clone.makeCheckpoint(named: "of the clone")
        try clone.removeCheckpoints(Set(clone.checkpoints().map(\.id)))
        try clone.remove()
        try machine.removeCheckpoints([checkpoint.id])
        #expect(try machine.configuration() == before)
        #expect(bench.names("disks") == ["disk.vhdx"])
    }

    @Test("too little room is refused with both numbers", .enabled(if: FullDisk.isPossible, "no small file system can be mounted"))
    func room() throws {
        try bench.write(1, at: 0, count: 1 << 20)
        let disk = try FullDisk()
        var destinations = StorageDestinations()
        destinations.folder = disk.path + "/new"
        #expect(identifier { try machine.moveStorage(to: destinations) } == "NotEnoughSpace")
        #expect(try FileManager.default.contentsOfDirectory(atPath: disk.path).isEmpty)
        #expect(bench.names("disks") == ["disk.vhdx"])
    }

    @Test("a move that is stopped leaves everything as it was")
    func stopped() throws {
        try bench.write(1, at: 0)
        _ = try machine.makeCheckpoint(named: "one")
        let before = try machine.configuration()
        #expect(identifier { try machine.moveStorage(to: bench.folder("new"), isCancelled: { true }) } == "OperationStopped")
        #expect(try machine.configuration() == before)
        #expect(bench.names("new/Virtual Hard Disks").isEmpty)
        #expect(bench.names("disks").count == 2)
    }

    @Test("an image that a merge has deleted and the document still names is in no plan")
    func deletedImage() throws {
        try bench.write(1, at: 0)
        _ = try machine.makeCheckpoint(named: "one")
        let whole = try machine.planStorageMove(to: bench.folder("new"))
        var configuration = try machine.configuration()
        let image = try #require(configuration.past?.images.first)
        var deleted = image
        deleted.path = bench.path("disks/merged.avhdx")
        configuration.past?.images.append(deleted)
        try bench.document().write(configuration)
        #expect(try machine.planStorageMove(to: bench.folder("new")) == whole)
        try machine.moveStorage(to: bench.folder("new"))
        #expect(bench.names("disks").isEmpty)
        #expect(try bench.numbers(machine.configuration()) == [1, 0, 0, 0])
    }

    @Test("copies of a move that was cut off go with the next start, but no file that somebody else wrote")
    func cutBefore() throws {
        try bench.write(1, at: 0)
        _ = try machine.makeCheckpoint(named: "one")
        let moves = try machine.planStorageMove(to: bench.folder("new"))
        var cut = try machine.configuration()
        let before = cut
        cut.announce(try #require(moves.first))
        try bench.document().write(cut)
        mkdir(bench.path("new"), 0o700)
        mkdir(bench.path("new/Virtual Hard Disks"), 0o700)
        let files = moves.flatMap(\.files)
        // The first is whole, the second on its way.
        try DiskOperations().copyImage(from: ImagePlace(path: files[0].source), to: ImagePlace(path: files[0].destination))
        #expect(FileManager.default.createFile(atPath: files[1].destination + ".partial-abc", contents: Data(count: 4096)))
        let orphans = try bench.test.host.storedFiles().filter { $0.machine == nil }.map(\.path)
        #expect(Set(orphans) == [files[0].destination, files[1].destination + ".partial-abc"])
        try machine.start()
        try machine.turnOff()
        var after = try machine.configuration()
        after.generationId = before.generationId
        #expect(after == before)
        #expect(bench.names("new/Virtual Hard Disks").isEmpty)

        // What has that name by then may be anybody's.
        try bench.document().write(cut)
        let theirs = try ImagePlace(path: files[0].destination)
        try DiskOperations().create(DiskSpecification(path: theirs.path, kind: .dynamic, size: MoveBench.size))
        try machine.start()
        try machine.turnOff()
        #expect(theirs.exists)
        #expect(try machine.configuration().moving == nil)
        #expect(try machine.events().contains { $0.message.contains(theirs.path) })
        try theirs.unlink()
        try machine.moveStorage(to: bench.folder("new"))
        #expect(try bench.numbers(machine.configuration()) == [1, 0, 0, 0])
    }

    @Test("what a move that was cut off left behind goes with the next start, but no other file of that name")
    func cutBehind() throws {
        try bench.write(1, at: 0)
        let move = try #require(try machine.planStorageMove(to: bench.folder("new")).first)
        mkdir(bench.path("new"), 0o700)
        mkdir(bench.path("new/Virtual Hard Disks"), 0o700)
        try DiskOperations().copyImage(from: ImagePlace(path: bench.disk), to: ImagePlace(path: move.files[0].destination))
        var cut = try machine.configuration()
        let number = try #require(try ImagePlace(path: bench.disk).fileNumber)
        cut.announce(move)
        cut.complete(move, left: [.init(path: bench.disk, file: number)])
        try bench.document().write(cut)
        #expect(try bench.test.host.storedFiles().contains { $0.machine == nil && $0.path == bench.disk })
        try machine.start()
        try machine.turnOff()
        #expect(bench.names("disks").isEmpty)
        #expect(try bench.numbers(machine.configuration()) == [1, 0, 0, 0])

        cut = try machine.configuration()
        cut.moving = .init(left: [.init(path: bench.disk, file: number)])
        try bench.document().write(cut)
        // Kept open, so that its number is not given again.
        let other = open(bench.disk + ".first", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(other) }
        #expect(FileManager.default.createFile(atPath: bench.disk, contents: Data("theirs".utf8)))
        guard try ImagePlace(path: bench.disk).fileNumber != number else { return }
        try machine.start()
        try machine.turnOff()
        #expect(FileManager.default.contents(atPath: bench.disk) == Data("theirs".utf8))
    }
}

/// A VM with one small disk in a folder of its own; a block's first byte is its content.
private struct MoveBench {
    static let size: UInt64 = 16 << 20
    let test: TestHost
    let machine: VirtualMachine
    let disk: String

    init(format: String = "vhdx") throws {
        test = try TestHost()
        machine = try test.machine()
        disk = test.folder.path + "/disks/disk.\(format)"
        mkdir(test.folder.path + "/disks", 0o700)
        try DiskOperations().create(DiskSpecification(path: disk, kind: .dynamic, size: Self.size))
        let drive = try VirtualMachineConfiguration.Drive(kind: .hardDisk, location: 0, imagePath: disk)
        try machine.configure { _ = try $0.add(drive, controller: 0, location: 0) }
    }

    func path(_ name: String) -> String { test.folder.path + "/" + name }

    func folder(_ name: String) -> StorageDestinations {
        var destinations = StorageDestinations()
        destinations.folder = path(name)
        return destinations
    }

    func names(_ folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path(folder))) ?? []).sorted()
    }

    /// The VM's folder, for writing what a cut leaves.
    func document() throws -> VirtualMachineFolder {
        try #require(try Store.open(path: test.host.storePath, create: false)?.machine(machine.id))
    }

    /// Writes a number into the first bytes of a MiB, 512 of them unless told.
    func write(_ number: UInt8, at place: Int, count: Int = 512) throws {
        let disk = try open(try machine.configuration(), readOnly: false)
        let bytes = [UInt8](repeating: number, count: count)
        try bytes.withUnsafeBytes { buffer in
            let segment = iovec(iov_base: UnsafeMutableRawPointer(mutating: buffer.baseAddress), iov_len: buffer.count)
            try withUnsafePointer(to: segment) {
                try disk.write(from: UnsafeBufferPointer(start: $0, count: 1), at: UInt64(place) << 20)
            }
        }
        try disk.close()
    }

    /// The numbers of the first four MiB.
    func numbers(_ configuration: VirtualMachineConfiguration) throws -> [UInt8] {
        let disk = try open(configuration, readOnly: true)
        defer { try? disk.close() }
        return try (0..<4).map { place in
            var bytes = [UInt8](repeating: 0, count: 512)
            try bytes.withUnsafeMutableBytes { buffer in
                let segment = iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)
                try withUnsafePointer(to: segment) {
                    try disk.read(into: UnsafeBufferPointer(start: $0, count: 1), at: UInt64(place) << 20)
                }
            }
            return bytes[0]
        }
    }

    private func open(_ configuration: VirtualMachineConfiguration, readOnly: Bool) throws -> any Disk {
        let drive = try #require(configuration.drives.first?.drive)
        let format = try #require(drive.format.flatMap { DiskFormat(rawValue: $0) })
        return try DiskChain.resolve(
            path: try #require(drive.path), format: format, allowedParents: drive.allowedParents ?? [], readOnly: readOnly
        ).disk(readOnly: readOnly)
    }
}
