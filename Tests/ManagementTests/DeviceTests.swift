import Basics
import Glibc
import Management
import Persistence
import Storage
import Testing

/// Drives and adapters of VMs that are off, running and saved; the fake machine holds what it is handed.
@Suite struct DeviceTests {
    private func image(_ test: TestHost, _ name: String, size: off_t = 1 << 20) throws -> String {
        let path = try test.folder.write(name, "")
        truncate(path, size)
        return path
    }

    /// True when nobody has the image open as a disk.
    private func isFree(_ path: String) throws -> Bool {
        do {
            try DiskChain.resolve(path: path, format: .raw).close()
            return true
        } catch  where error.code == .inUse {
            return false
        }
    }

    private func attach(
        _ path: String, to machine: VirtualMachine, location: Int? = nil, kind: VirtualMachineConfiguration.Drive.Kind = .hardDisk
    )
        throws
    {
        let drive = try VirtualMachineConfiguration.Drive(kind: kind, location: 0, imagePath: path)
        try machine.configure { try $0.add(drive, controller: 0, location: location) }
    }

    private func places(_ machine: VirtualMachine) throws -> [String] {
        try machine.configuration().drives.map { "\($0.drive.location) \($0.drive.path?.split(separator: "/").last ?? "-")" }
    }

    @Test func aRunningMachineHoldsItsImagesAndOneThatIsOffDoesNot() throws {
        let test = try TestHost()
        let machine = try test.machine()
        let path = try image(test, "a.raw")
        try attach(path, to: machine)
        #expect(try isFree(path))
        try machine.start()
        #expect(try !isFree(path))
        let other = try test.machine("web02")
        do {
            try attach(path, to: other)
            Issue.record("a locked image was attached")
        } catch let error as any DescribedError {
            #expect(error.identifier == "DiskInUse")
            #expect(error.message.contains("web01"))
        }
        // Attached unseen, it is the start that fails; the other goes on.
        let drive = try VirtualMachineConfiguration.Drive(kind: .hardDisk, location: 0, imagePath: path)
        try other.configure(verifyingImages: false) { try $0.add(drive, controller: 0, location: nil) }
        #expect(identifier { try other.start() } == "DiskInUse")
        #expect(try other.status().state == .off)
        try machine.save()
        #expect(try isFree(path))
        try machine.start()
        #expect(try !isFree(path))
        try machine.turnOff()
        #expect(try isFree(path))
        try other.start()
        #expect(try !isFree(path))
        try other.turnOff()
    }

    @Test func changesMadeAtOnceAllHold() throws {
        let test = try TestHost()
        let machine = try test.machine()
        let paths = try (0..<6).map { try image(test, "\($0).raw") }
        for path in paths { try attach(path, to: machine) }
        try machine.start()
        try inParallel(paths.count) { number in
            try machine.configure { $0.controllers[0].drives.removeAll { $0.path == paths[number] } }
        }
        #expect(try places(machine).isEmpty)
        for path in paths { #expect(try isFree(path)) }
        try machine.turnOff()
    }

    @Test func drivesComeAndGoWhileItRuns() throws {
        let test = try TestHost()
        let machine = try test.machine()
        try machine.start()
        let (a, b) = (try image(test, "a.raw"), try image(test, "b.raw"))
        try attach(a, to: machine)
        try attach(b, to: machine, location: 5)
        #expect(try places(machine) == ["0 a.raw", "5 b.raw"])
        #expect(try !isFree(a) && !isFree(b))
        let controller = try machine.configuration().controllers[0].id
        try machine.configure { try $0.changeDrive(.hardDisk, controller: controller, location: 0) { _ in nil } }
        #expect(try isFree(a))
        #expect(identifier { try attach(b, to: machine) } == "DiskAttachedTwice")
        #expect(identifier { try attach(a + "none.raw", to: machine) } == "DiskNotFound")
        // Moving would need the image twice at once.
        let move = {
            try machine.configure { configuration in
                configuration.controllers[0].drives[0].location = 6
            }
        }
        #expect(identifier(move) == "InvalidState")
        #expect(identifier { try machine.configure { $0.addController() } } == "InvalidState")
        let disc = try image(test, "disc.iso")
        let descriptor = open(disc, O_RDWR | O_CLOEXEC)
        // A volume descriptor in sector 16 (ECMA-119, 8.1).
        let head: [UInt8] = [1] + Array("CD001".utf8) + [1]
        #expect(pwrite(descriptor, head, head.count, 16 * 2048) == head.count)
        close(descriptor)
        try machine.configure { try $0.add(.init(kind: .dvd, location: 0), controller: nil, location: nil) }
        try machine.configure {
            try $0.changeDrive(.dvd, controller: controller, location: 0) { _ in try .init(kind: .dvd, location: 0, imagePath: disc) }
        }
        #expect(try places(machine) == ["0 disc.iso", "5 b.raw"])
        try machine.turnOff()
        #expect(try isFree(b))
    }

    @Test func whatTheMachineRefusesIsNotWritten() throws {
        let test = try TestHost()
        let machine = try test.machine()
        try machine.start()
        let before = try machine.configuration()
        #expect(identifier { try machine.configure { $0.adapters[0].name = "refused" } } != nil)
        #expect(try machine.configuration() == before)
        #expect(identifier { try machine.configure { $0.adapters[0].macAddress = "00155D999999" } } == "InvalidState")
        try machine.configure { $0.adapters[0].vlan = .init(mode: "Untagged") }
        try machine.configure { $0.enable(.guestServiceInterface, true) }
        let applied = FakeMachine.running(machine.id)?.guest.inside.withLock { $0.changes }
        #expect(applied?.count == 2)
        #expect(applied?.last == .integrationService(.guestServiceInterface, isEnabled: true))
        try machine.turnOff()
    }

    @Test func aSavedMachineKeepsItsDevices() throws {
        let test = try TestHost()
        let machine = try test.machine()
        try machine.start()
        try machine.save()
        let path = try image(test, "a.raw")
        #expect(identifier { try attach(path, to: machine) } == "InvalidState")
        #expect(identifier { try machine.configure { $0.addAdapter(named: "x", except: []) } } == "InvalidState")
        #expect(identifier { try machine.configure { $0.enable(.heartbeat, false) } } == "InvalidState")
        try machine.configure { $0.adapters[0].dhcpGuard = true }
        #expect(try machine.configuration().adapters[0].dhcpGuard)
    }

    @Test func aHundredDisksAreHandedOver() throws {
        let test = try TestHost()
        let machine = try test.machine()
        let paths = try (0..<100).map { try image(test, "d\($0).raw") }
        try machine.configure { configuration in
            configuration.addController()
            for path in paths {
                try configuration.add(try .init(kind: .hardDisk, location: 0, imagePath: path), controller: nil, location: nil)
            }
        }
        try machine.start()
        #expect(FakeMachine.running(machine.id)?.guest.inside.withLock { $0.disks.count } == 100)
        #expect(try paths.allSatisfy { try !isFree($0) })
        try machine.turnOff()
        #expect(try paths.allSatisfy { try isFree($0) })
    }

    @Test func aSwitchThatIsGoneIsNamed() throws {
        let test = try TestHost()
        let machine = try test.machine()
        let made = try test.host.createSwitch(VirtualSwitchSpecification(name: "inside", switchType: .private))
        try machine.configure { ($0.adapters[0].switchId, $0.adapters[0].switchName) = (made.id, made.name) }
        try machine.start()
        try machine.turnOff()
        try machine.configure { $0.adapters[0].switchId = GUID() }
        #expect(identifier { try machine.start() } == "SwitchNotFound")
        #expect(try machine.status().state == .off)
    }

    @Test func differencesAreFoundInAnOrderThatCanBeFollowed() throws {
        var old = VirtualMachineConfiguration(id: GUID(), name: "a", creationTime: 0)
        old.addController()
        try old.add(.init(kind: .hardDisk, location: 0, path: "/a.raw", format: "RAW"), controller: 0, location: 0)
        old.addAdapter(named: "one", except: [])
        #expect(old.difference(to: old).changes.isEmpty)
        var new = old
        new.controllers[0].drives[0].path = "/b.raw"
        new.adapters.remove(at: 0)
        new.addAdapter(named: "two", except: [])
        new.memory.maximumBytes += 2 << 20
        new.notes = "x"
        let found = old.difference(to: new)
        #expect(
            found.changes == [
                .removeDrive(controller: old.controllers[0].id, location: 0),
                .addDrive(controller: old.controllers[0].id, new.controllers[0].drives[0]), .removeAdapter(old.adapters[0].id),
                .addAdapter(new.adapters[0]), .memory(new.memory), .settings,
            ])
        #expect(found.needsOff.isEmpty && !found.leavesDevicesAlone)
        new.processor.count = 2
        #expect(!old.difference(to: new).needsOff.isEmpty)
        new = old
        new.storage = .init()
        #expect(old.difference(to: new).needsOff.isEmpty)
        new.storage?.virtualProcessorsPerChannel = 2
        #expect(old.difference(to: new).needsOff == ["the storage settings"])
    }
}
