import Basics
import Glibc
import Management
import Persistence
import Storage
import Testing

/// Export and import: what comes out is what went in, and what was cut off is nothing.
@Suite struct TransferTests {
    private func copying(newId: Bool = false) -> ImportOptions {
        var options = ImportOptions()
        (options.copies, options.generatesNewId) = (true, newId)
        return options
    }

    @Test func aCopyInAnotherStoreHasEveryDiskAndCheckpoint() throws {
        let fixture = try TransferFixture()
        let path = try fixture.machine.export(to: fixture.place)
        #expect(path == fixture.export)
        let copy = try fixture.other.host.importMachine(path, copying())
        #expect(copy.id == fixture.machine.id)
        #expect(copy.name == "web01")
        #expect(try TransferFixture.contents(of: copy) == TransferFixture.contents(of: fixture.machine))
        #expect(try TransferFixture.tree(of: copy) == ["first from nothing", "second from first"])
        // Going back works, and so does losing the past.
        let first = try #require(try copy.checkpoints().first)
        try copy.applyCheckpoint(first.id)
        #expect(try TransferFixture.contents(of: copy).suffix(2) == TransferFixture.contents(of: fixture.machine).prefix(2))
        try copy.removeCheckpoints(Set(try copy.checkpoints().map(\.id)))
        #expect(try TransferFixture.contents(of: copy) == TransferFixture.contents(of: fixture.machine).prefix(2).map(\.self))
        // The copy does not need the export.
        for name in try TransferFixture.listing(fixture.export) { unlink(fixture.export + "/" + name) }
        #expect(try TransferFixture.contents(of: copy).count == 2)
    }

    @Test func aRegisteredMachineRunsFromTheFolder() throws {
        let fixture = try TransferFixture()
        try fixture.machine.export(to: fixture.place)
        let machine = try fixture.other.host.importMachine(fixture.export)
        let paths = try machine.configuration().drives.compactMap(\.drive.path)
        #expect(paths.allSatisfy { $0.hasPrefix(fixture.export + "/Virtual Hard Disks/") })
        #expect(try TransferFixture.contents(of: machine) == TransferFixture.contents(of: fixture.machine))
        #expect(identifier { try fixture.other.host.importMachine(fixture.export) } == "VMIdExists")
        #expect(try fixture.other.host.machines().count == 1)
    }

    @Test func aSecondCopyHasAnIdentityOfItsOwn() throws {
        let fixture = try TransferFixture()
        try fixture.machine.export(to: fixture.place)
        let report = try fixture.test.host.compare(fixture.export, copying(newId: true))
        #expect(try report.incompatibilities().map(\.identifier) == ["VMNameExists"])
        try report.machine.rename(to: "web02")
        let copy = try fixture.test.host.importMachine(report)
        let (old, new) = (try fixture.machine.configuration(), try copy.configuration())
        #expect(new.id != old.id && new.name == "web02")
        #expect(new.adapters[0].macAddress != old.adapters[0].macAddress)
        #expect(Set(new.checkpoints.map(\.id)).isDisjoint(with: old.checkpoints.map(\.id)))
        #expect(try TransferFixture.tree(of: copy) == TransferFixture.tree(of: fixture.machine))
        #expect(try TransferFixture.contents(of: copy) == TransferFixture.contents(of: fixture.machine))
        #expect(try fixture.machine.configuration() == old)
    }

    @Test func oneCheckpointIsAMachineOfItsOwn() throws {
        let fixture = try TransferFixture()
        let first = try #require(try fixture.machine.checkpoints().first)
        try fixture.machine.exportCheckpoint(first.id, to: fixture.place)
        let machine = try fixture.other.host.importMachine(fixture.export, copying())
        #expect(try machine.checkpoints().isEmpty)
        #expect(try TransferFixture.contents(of: machine) == TransferFixture.contents(of: fixture.machine).prefix(2).map(\.self))
    }

    @Test func aSavedMachineIsSavedAfterwards() throws {
        let test = try TestHost()
        let machine = try test.machine()
        try Folder(path: test.path(machine, "")).replaceFile("saved.state", with: Array("memory".utf8))
        try machine.export(to: test.folder.path + "/exports")
        let other = try TestHost()
        for options in [copying(), ImportOptions()] {
            let imported = try other.host.importMachine(test.folder.path + "/exports/web01", options)
            #expect(try imported.status().state == .saved)
            try imported.remove()
        }
    }

    /// Stopped at each point that can be stopped at.
    @Test func aStoppedExportLeavesNothing() throws {
        let fixture = try TransferFixture()
        let before = try fixture.machine.configuration()
        var count = 0
        while true {
            let stop = StopAfter(count)
            let failure = identifier { try fixture.machine.export(to: fixture.place, isCancelled: { stop.isReached }) }
            guard let failure else { break }
            #expect(failure == "OperationStopped")
            #expect(try TransferFixture.listing(fixture.place).isEmpty, "stopped at \(count)")
            count += 1
        }
        #expect(count > 8)
        #expect(try fixture.machine.configuration() == before)
        #expect(identifier { try fixture.machine.export(to: fixture.place) } == "ExportExists")
    }

    @Test func aStoppedImportLeavesNothing() throws {
        let fixture = try TransferFixture()
        try fixture.machine.export(to: fixture.place)
        let host = fixture.other.host
        var count = 0
        while true {
            let stop = StopAfter(count)
            let failure = identifier { try host.importMachine(fixture.export, copying(), isCancelled: { stop.isReached }) }
            guard let failure else { break }
            #expect(failure == "OperationStopped")
            #expect(try host.machines().isEmpty)
            let left = try TransferFixture.listing(host.storePath).filter {
                $0.contains("vhd") || $0.contains("partial") || $0.contains("web01")
            }
            #expect(left.isEmpty, "stopped at \(count)")
            count += 1
        }
        #expect(count > 8)
        #expect(try host.machines().count == 1)
    }

    /// What a killed import left behind does not stand in the way of the next one.
    @Test func whatAKilledImportLeftIsNoObstacle() throws {
        let fixture = try TransferFixture()
        try fixture.machine.export(to: fixture.place)
        var options = copying()
        let disks = fixture.other.folder.path + "/disks"
        options.diskDestination = disks
        let left = disks + "/.partial-\(fixture.machine.id)"
        try Folder.make(path: left)
        try Folder(path: left).replaceFile("base.vhdx", with: [1])
        let copy = try fixture.other.host.importMachine(fixture.export, options)
        #expect(try TransferFixture.contents(of: copy) == TransferFixture.contents(of: fixture.machine))
        #expect(try Folder(path: left).readFile("base.vhdx") == [1])
    }

    /// A kill between the moment when the disks have their names and the one when the VM is there.
    @Test func disksThatAKilledImportPlacedAreNoObstacleAndThoseOfAMachineAre() throws {
        let fixture = try TransferFixture()
        try fixture.machine.export(to: fixture.place)
        var options = copying()
        let disks = fixture.other.folder.path + "/disks"
        options.diskDestination = disks
        let place = disks + "/.partial-\(GUID())-x"
        try Folder.make(path: place)
        let left = try Folder(path: place)
        for name in try Folder(path: fixture.export + "/Virtual Hard Disks").names() {
            try left.replaceFile(name, with: [1, 2, 3])
            #expect(link(left.path(of: name), disks + "/" + name) == 0)
        }
        // There is a VM that may have them.
        try left.replaceFile(".owner", with: Array(fixture.place.utf8))
        #expect(identifier { try fixture.other.host.importMachine(fixture.export, options) } == "DiskExists")
        try left.replaceFile(".owner", with: Array((fixture.place + "/nowhere").utf8))
        var held = try FileLock.take(".claim", in: left)
        #expect(identifier { try fixture.other.host.importMachine(fixture.export, options) } == "DiskExists")
        withExtendedLifetime(held) {}
        held = nil
        let copy = try fixture.other.host.importMachine(fixture.export, options)
        #expect(try TransferFixture.contents(of: copy) == TransferFixture.contents(of: fixture.machine))
        // The disks are one file each again.
        var status = stat()
        #expect(stat(try #require(copy.configuration().drives.first?.drive.path), &status) == 0 && status.st_nlink == 1)
    }

    /// A disk where the third copy should go: nothing is left of the others, and it stays.
    @Test func aPlaceThatIsTakenIsLeftAlone() throws {
        let fixture = try TransferFixture()
        try fixture.machine.export(to: fixture.place)
        var options = copying()
        let disks = fixture.other.folder.path + "/disks"
        try Folder.make(path: disks)
        options.diskDestination = disks
        try Folder(path: disks).replaceFile("second.vhd", with: [1])
        #expect(identifier { try fixture.other.host.importMachine(fixture.export, options) } == "DiskExists")
        #expect(try TransferFixture.listing(disks) == ["second.vhd"])
        #expect(try fixture.other.host.machines().isEmpty)
    }

    // MARK: Bad input

    @Test func aFolderThatWasCopiedHalfwayIsRefused() throws {
        let fixture = try TransferFixture()
        try fixture.machine.export(to: fixture.place)
        let disk = fixture.export + "/Virtual Hard Disks/base.vhdx"
        truncate(disk, 1 << 20)
        for options in [ImportOptions(), copying()] {
            #expect(identifier { try fixture.other.host.importMachine(fixture.export, options) } == "ExportDamaged")
        }
        unlink(disk)
        #expect(identifier { try fixture.other.host.importMachine(fixture.export, copying()) } == "ExportDamaged")
        unlink(fixture.export + "/export.json")
        #expect(identifier { try fixture.other.host.importMachine(fixture.export) } == "ExportNotFound")
        #expect(try fixture.other.host.machines().isEmpty)
    }

    @Test func aFileThatWasChangedIsFound() throws {
        let fixture = try TransferFixture()
        try fixture.machine.export(to: fixture.place)
        let descriptor = open(fixture.export + "/Virtual Hard Disks/second.vhd", O_WRONLY | O_CLOEXEC)
        var end = stat()
        fstat(descriptor, &end)
        #expect(pwrite(descriptor, [99 as UInt8], 1, end.st_size - 600) == 1)
        close(descriptor)
        for options in [ImportOptions(), copying()] {
            #expect(identifier { try fixture.other.host.importMachine(fixture.export, options) } == "ExportDamaged")
        }
        let report = try fixture.other.host.compare(fixture.export)
        #expect(try report.incompatibilities().map(\.identifier).contains("ExportDamaged"))
        #expect(try fixture.other.host.machines().isEmpty)
    }

    @Test(arguments: [
        ("export.json", "\"Virtual Hard Disks/base.vhdx\"", "\"../base.vhdx\""),
        ("export.json", "\"Virtual Hard Disks/base.vhdx\"", "\"/etc/passwd\""),
        ("export.json", "\"Virtual Hard Disks/base.vhdx\"", "\"Virtual Hard Disks/own.vhdx\""),
        ("export.json", "\"name\" : \"web01\"", "\"name\" : \"web02\""),
        ("export.json", "\"configuration\"", "\"configurations\""),
    ])
    func aManifestThatLiesIsRefused(file: String, old: String, new: String) throws {
        let fixture = try TransferFixture()
        try fixture.machine.export(to: fixture.place)
        try fixture.edit(file, old, new)
        #expect(identifier { try fixture.other.host.importMachine(fixture.export) } == "ExportUnreadable")
        #expect(try fixture.other.host.machines().isEmpty)
    }

    @Test func aNewerExportIsRefusedWithBothNumbers() throws {
        let fixture = try TransferFixture()
        try fixture.machine.export(to: fixture.place)
        try fixture.edit("export.json", "\"version\" : 1", "\"version\" : 7")
        let error = #expect(throws: PersistenceError.self) { try fixture.other.host.importMachine(fixture.export) }
        #expect(error?.identifier == "ExportNewer")
        #expect(error?.message.contains("version 7") == true && error?.message.contains("up to 1") == true)
        try refuses(fixture, "ExportNewer", "version 7", "up to 1")
    }

    @Test func aNewerConfigurationIsOneIncompatibilityWithBothNumbers() throws {
        let fixture = try TransferFixture()
        try fixture.machine.export(to: fixture.place)
        let current = VirtualMachineConfiguration.currentVersion
        try fixture.edit("Virtual Machines/\(fixture.machine.id).json", "\"version\" : \(current)", "\"version\" : 99")
        try refuses(fixture, "ConfigurationNewer", "version 99", "up to \(current)")
        #expect(try fixture.other.host.compare(fixture.export).machine.name == fixture.machine.name)
    }

    /// The report has one line about the version, and what it says cannot be imported, nor after anything that is changed.
    private func refuses(_ fixture: TransferFixture, _ wanted: String, _ words: String...) throws {
        let report = try fixture.other.host.compare(fixture.export)
        let found = try report.incompatibilities()
        #expect(found.map(\.identifier) == [wanted])
        for word in words { #expect(found.first?.message.contains(word) == true, "\(found)") }
        try report.machine.configure { $0.notes = "changed" }
        #expect(identifier { try fixture.other.host.importMachine(report) } == wanted)
        #expect(identifier { try fixture.other.host.importMachine(fixture.export) } == wanted)
        #expect(try fixture.other.host.machines().isEmpty)
    }

    @Test func aSavedMachineOfANewerVersionIsRefusedWithBothNumbers() throws {
        let test = try TestHost()
        let machine = try test.machine()
        let json = Array("{\"version\":9}".utf8)
        try Folder(path: test.path(machine, "")).replaceFile(
            "saved.state", with: Array("LUNASAV1".utf8) + [UInt8](littleEndian: UInt32(json.count)) + json)
        try machine.export(to: test.folder.path + "/exports")
        let other = try TestHost()
        let error = #expect(throws: ManagementError.self) { try other.host.importMachine(test.folder.path + "/exports/web01", copying()) }
        #expect(error?.identifier == "SavedStateNewer")
        #expect(error?.message.contains("version 9") == true && error?.message.contains("up to 2") == true)
        #expect(try other.host.machines().isEmpty)
    }

    @Test func aLinkOutOfTheFolderIsNotFollowed() throws {
        let fixture = try TransferFixture()
        try fixture.machine.export(to: fixture.place)
        let disk = fixture.export + "/Virtual Hard Disks/second.vhd"
        let outside = fixture.path("outside.vhd")
        rename(disk, outside)
        symlink(outside, disk)
        #expect(identifier { try fixture.other.host.importMachine(fixture.export) } == "ExportDamaged")
        #expect(identifier { try fixture.other.host.importMachine(fixture.export, copying()) } == "ExportDamaged")
    }

    // MARK: What others made

    @Test func aFolderOfDisksIsImportedByItsDescription() throws {
        let (test, folder) = (try TestHost(), try TemporaryFolder())
        try TransferFixture.make(folder.path + "/base.vhdx")
        try TransferFixture.write(folder.path + "/base.vhdx", "theirs", at: 0)
        try TransferFixture.make(folder.path + "/top.vhdx", on: folder.path + "/base.vhdx")
        _ = try folder.write(
            "lunavisor-import.json",
            #"{ "version": 1, "name": "theirs", "memoryStartupBytes": 134217728, "processorCount": 2, "disks": ["top.vhdx"] }"#)
        let machine = try test.host.importMachine(folder.path, copying())
        let configuration = try machine.configuration()
        #expect(configuration.name == "theirs" && configuration.processor.count == 2 && configuration.memory.startupBytes == 128 << 20)
        let path = try #require(configuration.drives.first?.drive.path)
        #expect(path.hasPrefix(test.host.storePath))
        // Its parent came along.
        #expect(try TransferFixture.read(path, count: 4096).prefix(6) == Array("theirs".utf8)[...])
        #expect(try test.host.importMachine(folder.path + "/lunavisor-import.json", renamed(test, folder.path)).name == "mine")
    }

    private func renamed(_ test: TestHost, _ path: String) throws -> ImportOptions {
        try Folder(path: path).replaceFile(
            "lunavisor-import.json", with: Array(#"{ "version": 1, "name": "mine", "disks": ["base.vhdx"] }"#.utf8))
        return ImportOptions()
    }

    @Test(arguments: [
        #"{ "version": 1, "name": "x", "disks": ["../top.vhdx"] }"#, #"{ "version": 1, "name": "x", "kernelPath": "/etc/passwd" }"#,
        #"{ "version": 1, "name": "a/b" }"#, #"{ "version": 1 }"#, #"{ "version": 1, "name": "x", "memoryStartupBytes": 3 }"#,
    ])
    func aBadDescriptionIsRefused(text: String) throws {
        let (test, folder) = (try TestHost(), try TemporaryFolder())
        _ = try folder.write("lunavisor-import.json", text)
        #expect(identifier { try test.host.importMachine(folder.path) } == "ExportUnreadable")
        #expect(try test.host.machines().isEmpty)
    }

    /// The message names the field and what is wrong with it; nobody is told to export anew what was never exported.
    @Test(arguments: [
        (#"{ "version": 1, "name": "x", "memoryStartupByte": 134217728 }"#, "“memoryStartupByte”", "Did you mean memoryStartupBytes"),
        (#"{ "version": 1, "name": "x", "colour": "red" }"#, "“colour”", "processorCount"),
        (#"{ "version": 1, "name": "x", "memoryStartupBytes": 2199023255552 }"#, "Startup memory", "at most 1 TB."),
    ])
    func whatIsWrongInADescriptionIsNamed(text: String, first: String, second: String) throws {
        let (test, folder) = (try TestHost(), try TemporaryFolder())
        _ = try folder.write("lunavisor-import.json", text)
        let error = #expect(throws: ManagementError.self) { try test.host.importMachine(folder.path) }
        let message = error?.message ?? ""
        #expect(message.contains(first) && message.contains(second) && !message.contains(".."), "\(message)")
        #expect(error?.recommendedAction?.contains("Export the virtual machine") == false, "\(error?.recommendedAction ?? "")")
    }

    @Test func aConfigurationOfAnotherSizeThanTheManifestSaysIsRefused() throws {
        let fixture = try TransferFixture()
        try fixture.machine.export(to: fixture.place)
        // A blank changes nothing of what it says.
        try fixture.edit("Virtual Machines/\(fixture.machine.id).json", "{", "{ ")
        #expect(identifier { try fixture.other.host.importMachine(fixture.export) } == "ExportDamaged")
        #expect(try fixture.other.host.machines().isEmpty)
    }

    @Test func disksThatStandOnEachOtherInACircleAreRefused() throws {
        let (test, folder) = (try TestHost(), try TemporaryFolder())
        let (a, b) = (folder.path + "/a.vhdx", folder.path + "/b.vhdx")
        try TransferFixture.make(a)
        try TransferFixture.make(b, on: a)
        // b's parent is b now.
        unlink(a)
        link(b, a)
        _ = try folder.write("lunavisor-import.json", #"{ "version": 1, "name": "x", "disks": ["b.vhdx"] }"#)
        let failure = identifier { try test.host.importMachine(folder.path) }
        #expect(["DiskChainLoop", "DiskParentMismatch"].contains(failure ?? ""), "\(failure ?? "none")")
        #expect(try test.host.machines().isEmpty)
    }
}
