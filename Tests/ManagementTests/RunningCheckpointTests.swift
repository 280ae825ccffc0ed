import Basics
import Foundation
import Management
import Persistence
import Storage
import Testing

/// Checkpoints of VMs with a worker: what passes between it and its clients, and what waits for what.
@Suite(.timeLimit(.minutes(2))) struct RunningCheckpointTests {
    private let test: TestHost
    private let machine: VirtualMachine

    init() throws {
        test = try TestHost()
        machine = try test.machine()
        try machine.configure { $0.checkpointType = "Standard" }
    }

    private func folder() throws -> VirtualMachineFolder {
        try #require(try Store.open(path: test.host.storePath, create: false)?.machine(machine.id))
    }

    private func addDisk() throws {
        let path = test.folder.path + "/disk.vhdx"
        try DiskOperations().create(DiskSpecification(path: path, kind: .dynamic, size: 8 << 20))
        try machine.configure {
            _ = try $0.add(.init(kind: .hardDisk, location: 0, imagePath: path), controller: 0, location: 0)
        }
    }

    private func until(_ condition: () throws -> Bool) throws {
        while try !condition() { usleep(2_000) }
    }

    /// Checkpoints as an old VM has many.
    private func addPast(_ count: Int, notes: String = "") throws -> [VirtualMachineConfiguration.Checkpoint] {
        var configuration = try folder().readConfiguration()
        var past = VirtualMachineConfiguration.Past()
        for number in 1...count {
            var checkpoint = VirtualMachineConfiguration.Checkpoint(
                id: GUID(), name: "c\(number)", parentId: past.current, creationTime: Int64(number), kind: .production,
                configuration: configuration.withoutPast)
            checkpoint.configuration.notes = notes
            past.checkpoints.append(checkpoint)
            past.current = checkpoint.id
        }
        configuration.past = past
        try folder().write(configuration)
        return past.checkpoints
    }

    @Test func aThousandCheckpointsAreNoObstacleToChanges() throws {
        let all = try addPast(1_000)
        #expect(try Document.encode(machine.configuration()).count > 1 << 20)
        try machine.start()
        defer { try? machine.turnOff() }
        try machine.configure { $0.notes = "changed" }
        try machine.renameCheckpoint(all[500].id, to: "another")
        let last = try machine.makeCheckpoint(named: "last").checkpoint
        #expect(try machine.checkpoints().map(\.name) == (1...1_000).map { $0 == 501 ? "another" : "c\($0)" } + ["last"])
        #expect(last.parentId == all[999].id)
        try machine.removeCheckpoints(Set(all.map(\.id)))
        let configuration = try machine.configuration()
        #expect(configuration.checkpoints.map(\.id) == [last.id] && configuration.notes == "changed")
        #expect(configuration.checkpoints.first?.parentId == nil)
    }

    @Test func aConfigurationThatIsTooLongIsRefusedAndTheOldOneStays() throws {
        try machine.start()
        defer { try? machine.turnOff() }
        let empty = try Document.encode(machine.configuration()).count
        // Leaves less room than a checkpoint needs.
        let notes = String(repeating: "n", count: VirtualMachineFolder.longestConfiguration - 3 * empty)
        _ = try addPast(1, notes: notes)
        let before = try machine.configuration()
        #expect(identifier { try machine.makeCheckpoint(named: "no more") } == "ConfigurationTooLarge")
        #expect(try machine.configuration() == before)
        #expect(try FileManager.default.contentsOfDirectory(atPath: test.path(machine, "checkpoints")).isEmpty)
        #expect(identifier { try addPast(2, notes: notes) } == "ConfigurationTooLarge")
        #expect(try machine.configuration() == before)
    }

    @Test func memoryInAFormerPlaceGoesWithItsCheckpoint() throws {
        let places = ["first", "second"].map { test.folder.path + "/" + $0 }
        try machine.start()
        defer { try? machine.turnOff() }
        for place in places {
            try machine.configure { $0.snapshotFileLocation = place }
            _ = try machine.makeCheckpoint(named: place)
        }
        let files = try machine.checkpoints().map { try #require($0.memory?.path) }
        #expect(zip(files, places).allSatisfy { $0.hasPrefix($1 + "/") })
        let stranger = places[0] + "/\(machine.id)/notes"
        #expect(FileManager.default.createFile(atPath: stranger, contents: Data()))
        try machine.removeCheckpoints(Set(machine.checkpoints().map(\.id)))
        #expect(files.allSatisfy { access($0, F_OK) != 0 } && access(stranger, F_OK) == 0)
        unlink(stranger)
        // Back where it was: the other one is the former place then.
        try machine.configure { $0.snapshotFileLocation = places[0] }
        let last = try machine.makeCheckpoint(named: "last").checkpoint
        #expect(last.memory?.path.hasPrefix(places[0]) == true)
        try machine.removeCheckpoints([last.id])
        #expect(access(places[1] + "/\(machine.id)", F_OK) != 0)
    }

    @Test func memoryOfANewerVersionIsRefusedBeforeAnythingIsLost() throws {
        try machine.start()
        defer { try? machine.turnOff() }
        let checkpoint = try machine.makeCheckpoint(named: "one").checkpoint
        let json = Array("{\"version\":9}".utf8)
        try folder().folder.subfolder("checkpoints").replaceFile(
            VirtualMachineFolder.memoryName(of: checkpoint.id),
            with: Array("LUNASAV1".utf8) + [UInt8](littleEndian: UInt32(json.count)) + json)
        let error = #expect(throws: PersistenceError.self) { try machine.applyCheckpoint(checkpoint.id) }
        #expect(error?.identifier == "SavedStateNewer")
        #expect(error?.message.contains("version 9") == true && error?.message.contains("up to 2") == true)
        #expect(try machine.status().state == .running)
        #expect(identifier { try test.host.clone(checkpoint.id, of: machine, names: ["clone"]) } == "SavedStateNewer")
    }

    @Test func endingTheMachineDoesNotWaitForWhoHoldsItsConfiguration() throws {
        try addDisk()
        try machine.start()
        let checkpoint = try machine.makeCheckpoint(named: "one").checkpoint
        FakeMachine.holdMerges(true, of: machine.id)
        try machine.removeCheckpoints([checkpoint.id])
        try until { try machine.status().statusText.hasPrefix("Merging") }
        let lock = try folder().lockConfiguration()
        FakeMachine.holdMerges(false, of: machine.id)
        // Its last step wants the lock now.
        try machine.turnOff()
        withExtendedLifetime(lock) {}
        #expect(try machine.status().state == .off && machine.hasMergesLeft())
    }

    @Test func aMergeThatASaveStoppedGoesOnWhenTheSaveFails() throws {
        try addDisk()
        try machine.start()
        defer { try? machine.turnOff() }
        let checkpoint = try machine.makeCheckpoint(named: "one").checkpoint
        FakeMachine.holdMerges(true, of: machine.id)
        try machine.removeCheckpoints([checkpoint.id])
        try until { try machine.status().statusText.hasPrefix("Merging") }
        // A folder in the place of the file that it writes.
        let obstacle = test.path(machine, "saved.state.new")
        mkdir(obstacle, 0o700)
        #expect(throws: (any Error).self) { try machine.save() }
        #expect(try machine.status().state == .running)
        FakeMachine.holdMerges(false, of: machine.id)
        try until { try !machine.hasMergesLeft() }
        rmdir(obstacle)
    }

    @Test func aMachineWithACheckpointSavesWhatHasChangedSince() throws {
        func files() throws -> [String] { try Folder(path: test.path(machine, "checkpoints")).names().sorted() }
        try machine.start()
        let checkpoint = try machine.makeCheckpoint(named: "one").checkpoint
        let memory = try #require(checkpoint.memory)
        for _ in 0..<3 {
            try machine.save()
            let saved = try #require(try machine.configuration().savedMemory)
            #expect(saved.parents == memory.paths && saved.path != memory.path)
            #expect(try machine.status().state == .saved && !folder().hasSavedState)
            #expect(try files().count == 2)
            // It goes on, and what was saved for that is gone.
            try machine.start()
            #expect(try machine.status().state == .running && machine.configuration().savedMemory == nil)
            #expect(try files().count == 1)
        }
        // A checkpoint of the saved machine keeps it.
        try machine.save()
        let second = try machine.makeCheckpoint(named: "two").checkpoint
        #expect(second.memory?.parents == memory.paths)
        try machine.start()
        #expect(try files().count == 2)
        try machine.save()
        #expect(try machine.configuration().savedMemory?.parents == second.memory?.paths)
        // Thrown away, or with nothing to build on, it is as ever.
        try machine.removeSavedState()
        #expect(try files().count == 2 && machine.status().state == .off)
        try machine.removeCheckpoints(Set(machine.checkpoints().map(\.id)))
        #expect(try files().isEmpty)
        try machine.start()
        try machine.save()
        #expect(try folder().hasSavedState && machine.configuration().savedMemory == nil)
    }

    @Test func aSavedMachineOutlivesTheCheckpointThatItsMemoryStandsOn() throws {
        try machine.start()
        let checkpoint = try machine.makeCheckpoint(named: "one").checkpoint
        try machine.save()
        try machine.removeCheckpoints([checkpoint.id])
        let saved = try #require(try machine.configuration().savedMemory)
        #expect(saved.parents == checkpoint.memory?.paths)
        try machine.export(to: test.folder.path + "/exports")
        let copy = try TestHost().host
        var options = ImportOptions()
        options.copies = true
        let imported = try copy.importMachine(test.folder.path + "/exports/web01", options)
        #expect(try imported.status().state == .saved && imported.configuration().savedMemory?.parents.count == 1)
        for one in [machine, imported] {
            try one.start()
            #expect(try one.status().state == .running)
            try one.turnOff()
        }
    }

    @Test func theDisksOfAnAutomaticCheckpointAreMergedByTheWorker() throws {
        try addDisk()
        try machine.configure { $0.automaticCheckpoints = true }
        try machine.start()
        try machine.turnOff()
        let first = try #require(try machine.checkpoints().first)
        #expect(first.isAutomatic == true)
        FakeMachine.holdMerges(true, of: machine.id)
        try machine.start()
        defer { try? machine.turnOff() }
        let second = try machine.checkpoints()
        #expect(second.count == 1 && second[0].isAutomatic == true && second[0].id != first.id)
        // It runs, and the former one's image is still to be merged.
        #expect(try machine.status().state == .running && machine.hasMergesLeft())
        FakeMachine.holdMerges(false, of: machine.id)
        try until { try !machine.hasMergesLeft() }
        #expect(try machine.checkpoints().map(\.id) == second.map(\.id))
    }
}
