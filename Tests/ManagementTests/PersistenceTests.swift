import Basics
import Glibc
import Persistence
import Synchronization
import Testing

@Suite struct PersistenceTests {
    private struct Killed: Error {}

    @Test func aReplacementThatFailsLeavesTheOldFile() throws {
        let folder = try TemporaryFolder()
        let place = try Folder(path: folder.path)
        try place.replaceFile("a", with: [1, 2, 3])
        #expect(throws: Killed.self) {
            try place.replaceFile("a") { file in
                try file.write([9])
                throw Killed()
            }
        }
        #expect(try place.readFile("a") == [1, 2, 3])
        #expect(try place.names() == ["a"])
        // A kill between writing and renaming leaves a torn temporary file, which the next replacement overwrites.
        try place.replaceFile("a.new", with: [7, 7, 7, 7, 7, 7])
        try place.replaceFile("a", with: [4])
        #expect(try place.readFile("a") == [4])
        #expect(try place.names() == ["a"])
    }

    @Test(.enabled(if: FullDisk.isPossible, "needs the right to mount a small file system"))
    func aFullDiskLeavesTheOldConfiguration() throws {
        let disk = try FullDisk()
        let id = GUID()
        let files = VirtualMachineFolder(id: id, folder: try Folder(path: disk.path))
        var configuration = VirtualMachineConfiguration(id: id, name: "old", creationTime: 1)
        try files.write(configuration)
        try disk.fill()
        configuration.notes = String(repeating: "n", count: 60_000)
        #expect(identifier { try files.write(configuration) } == "DiskFull")
        #expect(try files.readConfiguration().name == "old")
        #expect(try files.readConfiguration().notes.isEmpty)
        #expect(identifier { try ConsoleRing.Writer(port: 1, folder: files.folder) } == "DiskFull")
    }

    /// It takes the old one's place when both are done; when either fails, the old one stays and nothing lies beside it.
    @Test func aConfigurationIsWrittenBesideOtherWork() throws {
        struct Failed: Error {}
        let folder = try TemporaryFolder()
        let id = GUID()
        let files = VirtualMachineFolder(id: id, folder: try Folder(path: folder.path))
        var configuration = VirtualMachineConfiguration(id: id, name: "old", creationTime: 1)
        try files.write(configuration)
        configuration.name = "new"
        #expect(throws: Failed.self) { try files.write(configuration, beside: { throw Failed() }) }
        #expect(try files.readConfiguration().name == "old")
        #expect(try files.folder.names() == [VirtualMachineFolder.configurationName])
        var meanwhile = ""
        try files.write(configuration, beside: { meanwhile = try files.readConfiguration().name })
        #expect(meanwhile == "old")
        #expect(try files.readConfiguration().name == "new")
        var isDone = false
        configuration.notes = String(repeating: "n", count: VirtualMachineFolder.longestConfiguration)
        #expect(identifier { try files.write(configuration, beside: { isDone = true }) } == "ConfigurationTooLarge")
        #expect(isDone)
        #expect(try files.readConfiguration().notes.isEmpty)
        #expect(try files.folder.names() == [VirtualMachineFolder.configurationName])
    }

    @Test func symbolicLinksAreNotFollowed() throws {
        let folder = try TemporaryFolder()
        let outside = try folder.write("outside", "secret")
        try Folder.make(path: folder.path + "/vm")
        let place = try Folder(path: folder.path + "/vm")
        symlink(outside, folder.path + "/vm/configuration.json")
        symlink(folder.path, folder.path + "/vm/loop")
        #expect(identifier { try place.readFile("configuration.json") } != nil)
        let parent = try Folder(path: folder.path)
        try parent.removeTree("vm")
        #expect(try parent.names() == ["outside"])
    }

    @Test func eventsSurviveATornLine() throws {
        let folder = try TemporaryFolder()
        let place = try Folder(path: folder.path)
        let log = try EventLog(folder: place)
        try log.append(VirtualMachineEvent(.created, message: "one"))
        try log.append(VirtualMachineEvent(.started, message: "two"))
        let text = try place.readFile("events.jsonl")
        for cut in [1, 10, text.count / 2 - 1] {
            try place.replaceFile("events.jsonl", with: Array(text.dropLast(cut)))
            let again = try EventLog(folder: place)
            try again.append(VirtualMachineEvent(.stopped, message: "three"))
            let events = try EventLog.read(in: place)
            #expect(events.first?.message == "one" && events.last?.message == "three")
            #expect(events.map(\.sequence) == Array(1...UInt64(events.count)))
        }
    }

    @Test func longAndManyEventsAreBounded() throws {
        let folder = try TemporaryFolder()
        let place = try Folder(path: folder.path)
        let log = try EventLog(folder: place)
        let hostile = String(repeating: "\u{1}", count: 200_000)
        try log.append(
            VirtualMachineEvent(
                .guestCrashed, message: hostile, guestText: hostile,
                details: (0..<10_000).map { .init(name: "P\($0)", value: hostile.prefix(100) + "") }))
        #expect(try place.readFile("events.jsonl").count <= 64 << 10)
        for index in 0..<11_500 { try log.append(VirtualMachineEvent(.notice, message: "\(index)")) }
        let events = try EventLog.read(in: place)
        #expect(events.count == 10_000 && events.last?.message == "11499")
        #expect(try place.readFile("events.jsonl", limit: 1 << 30).split(separator: 10).count <= 11_000)
    }

    @Test func locksExcludeWithinAProcessAndAreTestedWithoutTaking() throws {
        let folder = try TemporaryFolder()
        let place = try Folder(path: folder.path)
        #expect(try FileLock.isHeld("l", in: place) == false)
        var lock = try FileLock.take("l", in: place)
        #expect(lock != nil)
        #expect(try FileLock.take("l", in: place) == nil)
        #expect(try FileLock.isHeld("l", in: place))
        #expect(identifier { try FileLock.wait("l", in: place, seconds: 0.02) } == "LockBusy")
        lock = nil
        #expect(try FileLock.isHeld("l", in: place) == false)
        #expect(try FileLock.take("l", in: place) != nil)
    }

    @Test func halfMadeAndHalfRemovedVMsAreNotThere() throws {
        let test = try TestHost()
        let machine = try test.machine("whole")
        let vms = try Folder(path: test.host.storePath + "/vms")
        _ = try vms.subfolder(".new-\(GUID())", make: true)
        _ = try vms.subfolder(".removed-\(GUID())", make: true)
        #expect(try test.host.machines().map(\.name) == ["whole"])
        _ = try test.machine("next")
        #expect(try vms.names().filter { $0.hasPrefix(".") } == [])
        _ = try vms.subfolder(".removed-\(GUID())", make: true)
        try machine.remove()
        #expect(try test.host.machines().map(\.name) == ["next"])
        #expect(try vms.names().filter { $0.hasPrefix(".") } == [])
        // A start ends a removal that was cut off, too, and leaves what is being made alone.
        _ = try vms.subfolder(".removed-\(GUID())", make: true)
        _ = try vms.subfolder(".new-\(GUID())", make: true)
        _ = try Store.open(path: test.host.storePath, create: false)?.drawPartitionId()
        #expect(try vms.names().filter { $0.hasPrefix(".") }.map { $0.prefix(5) } == [".new-"])
    }

    @Test func partitionIdsAreDrawnOnce() throws {
        let folder = try TemporaryFolder()
        let drawn = DrawnIds()
        let path = folder.path + "/store"
        try inParallel(4) { _ in
            let store = try #require(try Store.open(path: path, create: true))
            for _ in 0..<25 { drawn.add(try store.drawPartitionId()) }
        }
        #expect(drawn.sorted == Array(2...101))
    }

    @Test(arguments: [[], [UInt8](repeating: 0, count: 23), Array("{\"version\"".utf8)])
    func whatAPowerCutLeftOfThePartitionIdsHoldsNothingUp(_ left: [UInt8]) throws {
        let test = try TestHost()
        let machine = try test.machine("runs")
        let store = try #require(try Store.open(path: test.host.storePath, create: false))
        try #require(try store.machine(machine.id)).write(RunRecord(partitionId: 77, state: "Running", isHosted: false))
        try store.folder.replaceFile("partitions.json", with: left)
        #expect(try store.drawPartitionId() == 78)
        #expect(try store.drawPartitionId() == 79)
    }
}

private final class DrawnIds: Sendable {
    private let ids = Mutex<[UInt64]>([])
    func add(_ id: UInt64) { ids.withLock { $0.append(id) } }
    var sorted: [UInt64] { ids.withLock { $0.sorted() } }
}
