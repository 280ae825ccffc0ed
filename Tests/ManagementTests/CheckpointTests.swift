import Basics
import Foundation
import Glibc
import Management
import Persistence
import Storage
import TestSupport
import Testing

/// Checkpoints of stopped VMs with real disks.
@Suite struct CheckpointTests {
    private static let size = 8 << 20

    private struct Random: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 33
        }
    }

    /// A VM with one small disk in a folder of its own.
    private struct Bench {
        let test: TestHost
        let machine: VirtualMachine
        let disk: String

        init(format: String = "vhdx") throws {
            test = try TestHost()
            machine = try test.machine()
            disk = test.folder.path + "/disks/disk.\(format)"
            mkdir(test.folder.path + "/disks", 0o700)
            try DiskOperations().create(DiskSpecification(path: disk, kind: .dynamic, size: UInt64(size)))
            let drive = try VirtualMachineConfiguration.Drive(kind: .hardDisk, location: 0, imagePath: disk)
            try machine.configure { _ = try $0.add(drive, controller: 0, location: 0) }
        }

        func image(_ configuration: VirtualMachineConfiguration) throws -> String {
            try #require(configuration.drives.first?.drive.path)
        }

        func read(_ configuration: VirtualMachineConfiguration) throws -> [UInt8] {
            let disk = try open(configuration, readOnly: true)
            defer { try? disk.close() }
            var bytes = [UInt8](repeating: 0, count: size)
            try bytes.withUnsafeMutableBytes { buffer in
                let segment = iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)
                try withUnsafePointer(to: segment) { try disk.read(into: UnsafeBufferPointer(start: $0, count: 1), at: 0) }
            }
            return bytes
        }

        func write(_ bytes: [UInt8], at offset: Int) throws {
            let disk = try open(try machine.configuration(), readOnly: false)
            try bytes.withUnsafeBytes { buffer in
                let segment = iovec(iov_base: UnsafeMutableRawPointer(mutating: buffer.baseAddress), iov_len: buffer.count)
                try withUnsafePointer(to: segment) { try disk.write(from: UnsafeBufferPointer(start: $0, count: 1), at: UInt64(offset)) }
            }
            try disk.close()
        }

        private func open(_ configuration: VirtualMachineConfiguration, readOnly: Bool) throws -> any Disk {
            let drive = try #require(configuration.drives.first?.drive)
            let format = try #require(drive.format.flatMap { DiskFormat(rawValue: $0) })
            return try DiskChain.resolve(
                path: try image(configuration), format: format, allowedParents: drive.allowedParents ?? [], readOnly: readOnly
            ).disk(readOnly: readOnly)
        }

        /// What lies beside the disk.
        var files: Set<String> {
            Set((try? FileManager.default.contentsOfDirectory(atPath: test.folder.path + "/disks")) ?? [])
        }
    }

    @Test("a random past: every checkpoint and the present read as the model says, and no file is left over", arguments: ["vhdx", "vhd"])
    func model(format: String) throws {
        let bench = try Bench(format: format)
        var random = Random(state: 11)
        var present = [UInt8](repeating: 0, count: Self.size)
        var kept: [GUID: [UInt8]] = [:]
        for round in 0..<60 {
            let all = try bench.machine.checkpoints()
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4:
                let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: round + 1), count: 512 * Int.random(in: 1...300, using: &random))
                let offset = 512 * Int.random(in: 0..<(Self.size - bytes.count) / 512, using: &random)
                try bench.write(bytes, at: offset)
                present.replaceSubrange(offset..<offset + bytes.count, with: bytes)
            case 4..<6:
                let made = try bench.machine.makeCheckpoint(named: "c\(round % 5)")
                kept[made.checkpoint.id] = present
            case 6..<8:
                guard let chosen = all.randomElement(using: &random) else { continue }
                try bench.machine.applyCheckpoint(chosen.id)
                present = try #require(kept[chosen.id])
            case 8:
                guard let chosen = all.randomElement(using: &random) else { continue }
                try bench.machine.renameCheckpoint(chosen.id, to: "renamed")
                #expect(try bench.machine.configuration().checkpoint(chosen.id)?.name == "renamed")
            default:
                guard let chosen = all.randomElement(using: &random) else { continue }
                let gone = Bool.random(using: &random) ? [chosen] : try bench.machine.configuration().subtree(of: chosen.id)
                try bench.machine.removeCheckpoints(Set(gone.map(\.id)))
                for checkpoint in gone { kept[checkpoint.id] = nil }
            }
            let configuration = try bench.machine.configuration()
            #expect(try bench.read(configuration) == present)
            #expect(Set(configuration.checkpoints.map(\.id)) == Set(kept.keys))
            for checkpoint in configuration.checkpoints { #expect(try bench.read(checkpoint.configuration) == kept[checkpoint.id]) }
            let images = (configuration.past?.images ?? []).map { String($0.path.split(separator: "/").last ?? "") }
            #expect(bench.files == Set(images + ["disk.\(format)"]))
        }
        try bench.machine.removeCheckpoints(Set(bench.machine.checkpoints().map(\.id)))
        #expect(bench.files == ["disk.\(format)"])
        #expect(try bench.machine.configuration().past == nil && bench.image(bench.machine.configuration()) == bench.disk)
        #expect(try bench.read(bench.machine.configuration()) == present)
        let qemu = "/usr/bin/qemu-img"
        guard FileManager.default.isExecutableFile(atPath: qemu), format == "vhdx" else { return }
        let check = try ForeignProgram.run(qemu, ["check", "-f", "vhdx", bench.disk])
        #expect(check.status == 0, "\(check.output)\(check.errors)")
    }

    @Test("an automatic checkpoint holds what the disk held when the VM was started")
    func automatic() throws {
        let bench = try Bench()
        try bench.machine.configure { ($0.automaticCheckpoints, $0.checkpointType) = (true, "Standard") }
        let start = [UInt8](repeating: 1, count: Self.size)
        try bench.write(start, at: 0)
        try bench.machine.start()
        try bench.machine.turnOff()
        // The disk that it had while it ran.
        try bench.write([UInt8](repeating: 2, count: 4096), at: 0)
        #expect(try bench.read(bench.machine.configuration()) != start)
        let all = try bench.machine.checkpoints()
        let made = try #require(all.first)
        #expect(all.count == 1 && made.isAutomatic == true && made.memory == nil)
        #expect(try bench.read(made.configuration) == start)
        // As a program of others reads it.
        let foreign = "/usr/bin/qemu-img"
        if FileManager.default.isExecutableFile(atPath: foreign) {
            let raw = bench.test.folder.path + "/foreign.raw"
            let image = try bench.image(made.configuration)
            let outcome = try ForeignProgram.run(foreign, ["convert", "-U", "-f", "vhdx", "-O", "raw", image, raw])
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(try Array(Data(contentsOf: URL(fileURLWithPath: raw))) == start)
        }
        try bench.machine.applyCheckpoint(made.id)
        #expect(try bench.machine.status().state == .off)
        #expect(try bench.read(bench.machine.configuration()) == start)
        try bench.machine.removeCheckpoints([made.id])
        #expect(try bench.read(bench.machine.configuration()) == start)
        #expect(bench.files == ["disk.vhdx"])
    }

    @Test("the document of a VM with many checkpoints is the same whichever of them was written before")
    func document() throws {
        let bench = try Bench()
        for round in 0..<3 {
            let made = try bench.machine.makeCheckpoint(named: "\"checkpoints\" : [ ] \(round)").checkpoint
            try bench.machine.renameCheckpoint(made.id, to: "renamed ] \(round)")
            let folder = try #require(try Store.open(path: bench.test.host.storePath, create: false)?.machine(bench.machine.id))
            let written = try folder.folder.readFile(VirtualMachineFolder.configurationName)
            #expect(written == (try Document.encode(bench.machine.configuration())))
        }
        #expect(try bench.machine.configuration().checkpoints.count == 3)
    }

    @Test("clones stand on a checkpoint, which cannot be removed while they do, and write nothing into it")
    func clones() throws {
        let bench = try Bench()
        try bench.write([UInt8](repeating: 7, count: 4096), at: 0)
        let checkpoint = try bench.machine.makeCheckpoint(named: "golden").checkpoint
        let clones = try bench.test.host.clone(checkpoint.id, of: bench.machine, names: ["c-1", "c-2"])
        let configurations = try clones.map { try $0.configuration() }
        #expect(Set(configurations.map(\.id) + [bench.machine.id]).count == 3)
        #expect(Set((configurations + [try bench.machine.configuration()]).flatMap { $0.adapters.map(\.macAddress) }).count == 3)
        for configuration in configurations {
            #expect(try bench.read(configuration).prefix(4097) == [UInt8](repeating: 7, count: 4096) + [0])
        }
        #expect(identifier { try bench.machine.removeCheckpoints([checkpoint.id]) } == "CheckpointInUse")
        #expect(identifier { try bench.machine.remove() } == "CheckpointInUse")
        #expect(identifier { try bench.test.host.clone(checkpoint.id, of: bench.machine, names: ["C-1"]) } == "VMNameExists")
        // A clone has a past of its own.
        _ = try clones[0].makeCheckpoint(named: "of the clone")
        try clones[0].removeCheckpoints(Set(clones[0].checkpoints().map(\.id)))
        #expect(try clones[0].configuration().past?.images.count == 1)
        for clone in clones { #expect(try clone.remove() == RemovedDisks()) }
        try bench.machine.removeCheckpoints([checkpoint.id])
        #expect(bench.files == ["disk.vhdx"])
    }

    @Test("the memory that a clone has yet to go on from cannot be removed, also when it has no disk")
    func memoryOfClones() throws {
        let test = try TestHost()
        let machine = try test.machine()
        try machine.start()
        try machine.save()
        let checkpoint = try machine.makeCheckpoint(named: "saved").checkpoint
        let clone = try #require(try test.host.clone(checkpoint.id, of: machine, names: ["clone"]).first)
        #expect(try clone.status().state == .saved)
        #expect(identifier { try machine.removeCheckpoints([checkpoint.id]) } == "CheckpointInUse")
        try clone.start()
        try clone.turnOff()
        try machine.removeCheckpoints([checkpoint.id])
        #expect(try machine.checkpoints().isEmpty)
    }

    @Test("removing a VM merges its checkpoints into the user's disk, which stays unless it shall go")
    func removal() throws {
        let bench = try Bench()
        try bench.write([1] + [UInt8](repeating: 0, count: 511), at: 0)
        _ = try bench.machine.makeCheckpoint(named: "one")
        try bench.write([2] + [UInt8](repeating: 0, count: 511), at: 512)
        let configuration = try bench.machine.configuration()
        #expect(try bench.machine.remove().kept == [bench.disk])
        #expect(bench.files == ["disk.vhdx"])
        var merged = configuration
        merged.redirectDrives(from: try bench.image(configuration), to: bench.disk)
        let content = try bench.read(merged)
        #expect(content[0] == 1 && content[512] == 2)

        let other = try bench.test.machine("other")
        let drive = try VirtualMachineConfiguration.Drive(kind: .hardDisk, location: 0, imagePath: bench.disk)
        try other.configure { _ = try $0.add(drive, controller: 0, location: 0) }
        let third = try bench.test.machine("third")
        try third.configure { _ = try $0.add(drive, controller: 0, location: 0) }
        #expect(try other.remove(deletingDisks: true).inUse == [bench.disk: "third"])
        #expect(try third.remove(deletingDisks: true).deleted == [bench.disk])
        #expect(bench.files.isEmpty)
    }

    @Test("what cannot be done says why and changes nothing")
    func refusals() throws {
        let bench = try Bench()
        let machine = bench.machine
        let before = try machine.configuration()
        #expect(identifier { try machine.makeCheckpoint(named: " ") } == "CheckpointNameInvalid")
        #expect(identifier { try machine.applyCheckpoint(GUID()) } == "CheckpointNotFound")
        #expect(identifier { try machine.removeCheckpoints([GUID()]) } == "CheckpointNotFound")
        #expect(identifier { try machine.renameCheckpoint(GUID(), to: "x") } == "CheckpointNotFound")
        #expect(try machine.configuration() == before)
        try machine.configure { $0.checkpointType = "Disabled" }
        #expect(identifier { try machine.makeCheckpoint() } == "CheckpointsDisabled")
        try machine.configure { $0.checkpointType = "Standard" }

        // A disk without differencing images.
        let raw = bench.test.folder.path + "/disks/raw.img"
        #expect(FileManager.default.createFile(atPath: raw, contents: Data(count: 4 << 20)))
        try machine.configure { _ = try $0.add(.init(kind: .hardDisk, location: 1, imagePath: raw), controller: 0, location: 1) }
        let withRaw = try machine.configuration()
        #expect(identifier { try machine.makeCheckpoint() } == "CheckpointNotPossible")
        #expect(try machine.configuration() == withRaw && bench.files == ["disk.vhdx", "raw.img"])
        try machine.configure { try $0.changeDrive(.hardDisk, controller: $0.controllers[0].id, location: 1) { _ in nil } }

        // The image that a checkpoint keeps is gone, or was written behind our back.
        let checkpoint = try machine.makeCheckpoint(named: "one").checkpoint
        let made = try machine.configuration()
        try FileManager.default.moveItem(atPath: bench.disk, toPath: bench.disk + ".away")
        #expect(identifier { try machine.applyCheckpoint(checkpoint.id) } == "DiskNotFound")
        #expect(identifier { try machine.makeCheckpoint() } == "DiskParentMissing")
        #expect(try machine.configuration() == made)
        try FileManager.default.moveItem(atPath: bench.disk + ".away", toPath: bench.disk)
        let written = try DiskChain.resolve(path: bench.disk, format: .vhdx).disk()
        try [UInt8](repeating: 9, count: 512).withUnsafeBytes { buffer in
            let segment = iovec(iov_base: UnsafeMutableRawPointer(mutating: buffer.baseAddress), iov_len: 512)
            try withUnsafePointer(to: segment) { try written.write(from: UnsafeBufferPointer(start: $0, count: 1), at: 0) }
        }
        try written.close()
        #expect(identifier { try machine.removeCheckpoints([checkpoint.id]) } == "DiskParentMismatch")
        #expect(bench.files.isSuperset(of: ["disk.vhdx", "raw.img"]) && bench.files.count == 3)
        // Nothing was forgotten before it was found out, neither by a removal of the VM.
        #expect(identifier { try machine.planRemoval(of: [checkpoint.id]) } == "DiskParentMismatch")
        #expect(identifier { try machine.remove() } == "DiskParentMismatch")
        #expect(try machine.checkpoints().map(\.id) == [checkpoint.id])
    }

    @Test(
        "a VM that runs goes on when there is no room to go back",
        .enabled(if: FullDisk.isPossible, "needs the right to mount a small file system"))
    func noRoom() throws {
        let small = try FullDisk()
        let test = try TestHost()
        let machine = try test.machine()
        let disk = small.path + "/disk.vhd"
        try DiskOperations().create(DiskSpecification(path: disk, kind: .dynamic, size: 8 << 20))
        try machine.configure { _ = try $0.add(.init(kind: .hardDisk, location: 0, imagePath: disk), controller: 0, location: 0) }
        let checkpoint = try machine.makeCheckpoint(named: "one").checkpoint
        try machine.start()
        let before = try machine.configuration()
        try small.fill()
        #expect(identifier { try machine.planRestore(checkpoint.id) } == "NotEnoughSpace")
        #expect(identifier { try machine.applyCheckpoint(checkpoint.id) } == "NotEnoughSpace")
        #expect(try machine.status().state == .running)
        #expect(try machine.configuration() == before)
        try machine.turnOff()
    }

    @Test("what disks and checkpoints stand on is not attached elsewhere, and neither changed nor deleted")
    func needed() throws {
        let bench = try Bench()
        let host = bench.test.host
        // A VM's own disk may be changed while it is off, but not go.
        try host.checkUnneeded(bench.disk)
        #expect(identifier { try host.checkUnneeded(bench.disk, goes: true) } == "DiskNeeded")
        _ = try bench.machine.makeCheckpoint(named: "one")
        let present = try bench.image(bench.machine.configuration())
        #expect(identifier { try host.checkUnneeded(bench.disk) } == "DiskNeeded")
        try host.checkUnneeded(present)
        #expect(identifier { try host.checkUnneeded(present, goes: true) } == "DiskNeeded")

        let other = try bench.test.machine("other")
        let attach: (String) throws -> Void = { path in
            _ = try other.configure { _ = try $0.add(.init(kind: .hardDisk, location: 0, imagePath: path), controller: 0, location: 0) }
        }
        #expect(identifier { try attach(bench.disk) } == "DiskNeeded")
        #expect(try other.configuration().drives.isEmpty)
        // A child that the user made counts as one that a checkpoint made.
        let (base, child) = (bench.test.folder.path + "/disks/base.vhdx", bench.test.folder.path + "/disks/child.vhdx")
        try DiskOperations().create(DiskSpecification(path: base, kind: .dynamic, size: 8 << 20))
        var specification = DiskSpecification(path: child, kind: .differencing, size: nil)
        specification.parentPath = base
        try DiskOperations().create(specification)
        try host.checkUnneeded(base, goes: true)
        try attach(child)
        #expect(identifier { try host.checkUnneeded(base) } == "DiskNeeded")
    }

    @Test("a memory file that was cut off is found before anything is given up for it")
    func truncatedMemory() throws {
        let folder = try TemporaryFolder()
        let header = Array(
            #"{"version":2,"decided":{"at":4096,"bytes":8},"filled":{"at":4104,"bytes":8},"header":{"at":4112,"bytes":100},"sums":{"at":4212,"bytes":4}}"#
                .utf8)
        var bytes = SavedStateVersion.magic + withUnsafeBytes(of: UInt32(header.count).littleEndian) { Array($0) } + header
        bytes += [UInt8](repeating: 0, count: 4216 - bytes.count)
        func check(_ count: Int) throws {
            let path = folder.path + "/file"
            try Data(bytes.prefix(count)).write(to: URL(fileURLWithPath: path))
            try SavedStateVersion.check(OpenFile(descriptor: open(path, O_RDONLY), path: path))
        }
        try check(4216)
        #expect(identifier { try check(4215) } == "SavedStateTruncated")
        #expect(identifier { try check(1024) } == "SavedStateTruncated")
    }

    @Test("a VM whose checkpoints are disabled gets none when it starts")
    func disabledAutomatic() throws {
        let bench = try Bench()
        try bench.machine.configure { ($0.automaticCheckpoints, $0.checkpointType) = (true, "Disabled") }
        try bench.machine.start()
        try bench.machine.turnOff()
        #expect(try bench.machine.checkpoints().isEmpty)
    }

    @Test("a merge that was cut off after its images had their new parent is ended by the next removal")
    func cutMerge() throws {
        let bench = try Bench()
        let machine = bench.machine
        for number in 1...3 {
            try bench.write([UInt8](repeating: UInt8(number), count: 512), at: 512 * number)
            _ = try machine.makeCheckpoint(named: "c\(number)")
        }
        try bench.write([UInt8](repeating: 4, count: 512), at: 2048)
        let present = try bench.read(machine.configuration())
        let all = try machine.checkpoints()
        let middle = try bench.image(all[1].configuration)
        let above = try bench.image(all[2].configuration)
        // As a client leaves it that is killed behind the relinking and before it writes the document: the checkpoint is gone, its image's
        // merge has begun, the image above stands on the parent.
        let folder = try #require(try Store.open(path: bench.test.host.storePath, create: false)?.machine(machine.id))
        var document = try folder.readConfiguration()
        document.removeCheckpoints([all[0].id])
        document.past?.merging = middle
        try folder.write(document)
        try DiskOperations().mergeStep(middle, into: bench.disk, children: [above])
        #expect(try bench.read(machine.configuration()) == present)
        try machine.removeCheckpoints(Set(machine.checkpoints().map(\.id)))
        #expect(bench.files == ["disk.vhdx"])
        #expect(try bench.read(machine.configuration()) == present)
    }

    @Test("a disk that is taken from the VM after a checkpoint stays, with what was written since")
    func detachedDisk() throws {
        let bench = try Bench()
        let machine = bench.machine
        let checkpoint = try machine.makeCheckpoint(named: "one").checkpoint
        try bench.write([UInt8](repeating: 5, count: 512), at: 512)
        let configuration = try machine.configuration()
        let content = try bench.read(configuration)
        try machine.configure { try $0.changeDrive(.hardDisk, controller: $0.controllers[0].id, location: 0) { _ in nil } }
        try machine.removeCheckpoints([checkpoint.id])
        #expect(bench.files.count == 2)
        #expect(try bench.read(configuration) == content)
        // Both are the user's, and are named when the VM goes.
        let both = [bench.disk, try bench.image(configuration)].sorted()
        let remarks = try machine.planRemove(deletingDisks: true).compactMap { if case .remark(let text) = $0 { text } else { nil } }
        #expect(remarks.sorted() == both.map { "leaves \($0)" })
        #expect(try machine.remove(deletingDisks: true).kept == both)
        #expect(bench.files.count == 2)
    }

    @Test("a disk that another VM has, too, is in no checkpoint")
    func sharedDisk() throws {
        let bench = try Bench()
        let other = try bench.test.machine("other")
        try other.configure { configuration in
            let drive = try VirtualMachineConfiguration.Drive(kind: .hardDisk, location: 0, imagePath: bench.disk)
            _ = try configuration.add(drive, controller: 0, location: 0)
        }
        for machine in [bench.machine, other] {
            let failure = #expect(throws: ManagementError.self) { try machine.makeCheckpoint(named: "one") }
            #expect(failure?.identifier == "DiskShared")
            #expect(try machine.checkpoints().isEmpty && bench.files.count == 1)
        }
        try other.configure { try $0.changeDrive(.hardDisk, controller: $0.controllers[0].id, location: 0) { _ in nil } }
        _ = try bench.machine.makeCheckpoint(named: "one")
        #expect(bench.files.count == 2)
    }

    @Test("a saved VM's checkpoint keeps its memory: applied, the VM is saved again")
    func saved() throws {
        let bench = try Bench()
        let machine = bench.machine
        try machine.start()
        try machine.save()
        let checkpoint = try machine.makeCheckpoint(named: "saved").checkpoint
        #expect(checkpoint.memory != nil)
        try machine.start()
        #expect(try machine.status().state == .running)
        try machine.turnOff()
        #expect(try machine.status().state == .off)
        try machine.applyCheckpoint(checkpoint.id)
        #expect(try machine.status().state == .saved)
        try machine.start()
        try machine.turnOff()
        #expect(try machine.status().state == .off)
        try machine.applyCheckpoint(checkpoint.id)
        try machine.removeSavedState()
        #expect(try machine.status().state == .off)
        let memory = bench.test.path(machine, "checkpoints")
        #expect(try FileManager.default.contentsOfDirectory(atPath: memory).count == 1)
        try machine.removeCheckpoints([checkpoint.id])
        #expect(try FileManager.default.contentsOfDirectory(atPath: memory).isEmpty)
    }

    @Test("a checkpoint whose DVD medium is gone is not gone back to, and nothing is lost")
    func missingMedium() throws {
        let bench = try Bench()
        let machine = bench.machine
        let iso = bench.test.folder.path + "/disks/tools.iso"
        var disc = Data(count: 64 << 10)
        disc.replaceSubrange(16 * 2048..<16 * 2048 + 7, with: [1] + Array("CD001".utf8) + [1])
        #expect(FileManager.default.createFile(atPath: iso, contents: disc))
        try machine.configure { _ = try $0.add(.init(kind: .dvd, location: 1, imagePath: iso), controller: 0, location: 1) }
        let checkpoint = try machine.makeCheckpoint(named: "with tools").checkpoint
        try machine.start()
        let before = try machine.configuration()
        try FileManager.default.moveItem(atPath: iso, toPath: iso + ".away")
        let attempts: [() throws -> Void] = [
            { try machine.applyCheckpoint(checkpoint.id) }, { _ = try machine.planRestore(checkpoint.id) },
        ]
        for attempt in attempts {
            let failure = #expect(throws: ManagementError.self) { try attempt() }
            #expect(failure?.identifier == "CheckpointMediumMissing")
            #expect(failure?.message.contains(iso) == true && failure?.message.contains("location 1") == true)
        }
        #expect(identifier { try bench.test.host.clone(checkpoint.id, of: machine, names: ["clone"]) } == "CheckpointMediumMissing")
        #expect(try machine.status().state == .running && machine.configuration() == before)
        try FileManager.default.moveItem(atPath: iso + ".away", toPath: iso)
        try machine.applyCheckpoint(checkpoint.id)
        #expect(try machine.status().state == .off)
    }

    @Test("plans say what would be done to files, and nothing is")
    func plans() throws {
        let bench = try Bench()
        let machine = bench.machine
        try bench.write([UInt8](repeating: 1, count: 512), at: 0)
        let place = bench.test.folder.path + "/disks/"
        #expect(try machine.planCheckpoint() == [.write(place + "disk_<id>.avhdx", bytes: nil)])
        #expect(bench.files == ["disk.vhdx"])
        let first = try machine.makeCheckpoint(named: "first").checkpoint
        let second = try machine.makeCheckpoint(named: "second").checkpoint
        let before = (try machine.configuration(), bench.files)
        let now = try bench.image(before.0)
        let steps = try machine.planRestore(first.id)
        #expect(steps.first == .write(place + "disk_<id>.avhdx", bytes: nil))
        #expect(steps.count == 2, "\(steps)")
        guard case .delete(now, let bytes) = steps.last else { throw Unexpected(steps: steps) }
        #expect(bytes > 0)
        let removal = try machine.planRemoval(of: [second.id])
        guard removal.count == 2, case .merge(now, let parent, _) = removal[0], case .delete(now, _) = removal[1] else {
            throw Unexpected(steps: removal)
        }
        #expect(parent == (try bench.image(second.configuration)))
        let exported = try machine.planExport(to: bench.test.folder.path + "/exports", capturing: .savedState)
        let copied = exported.map { step -> String in
            if case .copy(let source, let destination, let bytes) = step, bytes > 0,
                destination.hasPrefix(bench.test.folder.path + "/exports/web01/")
            {
                return source
            }
            return "\(step)"
        }
        #expect(Set(copied) == [bench.disk, try bench.image(second.configuration), now, bench.test.kernel])
        let ofFirst = try machine.planExport(ofCheckpoint: first.id, to: bench.test.folder.path + "/exports")
        #expect(ofFirst.count == 2)
        let whole = try machine.planRemove()
        guard whole.count == 6, case .merge(_, bench.disk, _) = whole[0], case .delete(now, _) = whole[3],
            case .delete("\(bench.test.host.storePath)/vms/\(machine.id)", let kept) = whole[4]
        else { throw Unexpected(steps: whole) }
        #expect(kept > 0 && whole[5] == .remark("leaves \(bench.disk)"))
        guard case .delete(bench.disk, _) = try machine.planRemove(deletingDisks: true).last else { throw Unexpected(steps: whole) }
        let cloning = try bench.test.host.planClone(first.id, of: machine)
        #expect(cloning.count == 2 && cloning[1] == .write(bench.test.host.storePath + "/vms/<id>/disks/disk_<id>.avhdx", bytes: nil))
        let clone = try #require(try bench.test.host.clone(first.id, of: machine, names: ["clone"]).first)
        #expect(identifier { try machine.planRemove() } == "CheckpointInUse")
        #expect(identifier { try machine.planRemoval(of: [first.id]) } == "CheckpointInUse")
        try clone.remove()
        try machine.configure { $0.past?.shared = nil }
        try machine.configure { $0.checkpointType = "Disabled" }
        #expect(identifier { try machine.planCheckpoint() } == "CheckpointsDisabled")
        try machine.configure { $0.checkpointType = before.0.checkpointType }
        #expect(try machine.configuration() == before.0 && bench.files == before.1)

        try machine.start()
        let running = try machine.planCheckpoint()
        #expect(running.count == 2, "\(running)")
        #expect(try machine.planRestore(first.id).first == .remark("turns web01 off"))
        try machine.save()
        #expect(try machine.planCheckpoint().last == .remark("keeps the saved state"))
    }

    private struct Unexpected: Error {
        var steps: [FileStep]
    }
}
