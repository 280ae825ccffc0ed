import Basics
import Glibc
import Management
import Persistence
import Storage
import Testing
import Worker

/// Disks that a running VM has, and whoever else wants them; a guest that ejects its disc.
@Suite struct DiskUseTests {
    private func attach(_ path: String, to machine: VirtualMachine) throws {
        let drive = try VirtualMachineConfiguration.Drive(kind: .hardDisk, location: 0, imagePath: path)
        try machine.configure { try $0.add(drive, controller: 0, location: nil) }
    }

    /// The error names the VM that has the disk.
    private func expectHolder(_ name: String, _ what: String, _ body: () throws -> Void) {
        do {
            try body()
            Issue.record("\(what) succeeded")
        } catch let error as any DescribedError {
            #expect(error.identifier == "DiskInUse", "\(what): \(error.message)")
            #expect(error.message.contains("“\(name)”"), "\(what): \(error.message)")
        } catch {
            Issue.record("\(what): \(error)")
        }
    }

    /// base ◀ middle ◀ top, of which a running VM has the top: nobody changes any of them, and everybody is told why.
    @Test(arguments: ["vhdx", "vhd"]) func theHolderOfADiskAndOfItsParentsIsNamed(format: String) throws {
        let test = try TestHost()
        func path(_ name: String) -> String { test.folder.path + "/\(name).\(format)" }
        let (base, middle, top) = (path("base"), path("middle"), path("top"))
        try test.host.withDisks { disks in
            try disks.create(DiskSpecification(path: base, kind: .dynamic, size: 8 << 20))
            for (child, parent) in [(middle, base), (top, middle)] {
                var specification = DiskSpecification(path: child, kind: .differencing, size: nil)
                specification.parentPath = parent
                try disks.create(specification)
            }
        }
        // Attached while nobody's disk stood on it.
        let third = try test.machine("web03")
        try attach(middle, to: third)
        let machine = try test.machine()
        try attach(top, to: machine)
        try machine.start()
        let other = try test.machine("web02")
        let host = test.host
        for disk in [base, middle, top] {
            expectHolder("web01", "resizing \(disk)") { try host.withDisks { try $0.resize(disk, to: 16 << 20) } }
            expectHolder("web01", "compacting \(disk)") { try host.withDisks { try $0.compact(disk) } }
            expectHolder("web01", "a new identifier of \(disk)") { try host.withDisks { try $0.resetIdentifier(disk) } }
        }
        expectHolder("web01", "attaching the top") { try attach(top, to: other) }
        #expect(identifier { try attach(middle, to: other) } == "DiskNeeded")
        expectHolder("web01", "starting with a parent") { try third.start() }
        #expect(try third.status().state == .off)
        expectHolder("web01", "a child of the top") {
            try host.withDisks {
                var specification = DiskSpecification(path: path("new"), kind: .differencing, size: nil)
                specification.parentPath = top
                try $0.create(specification)
            }
        }
        expectHolder("web01", "converting") { try host.withDisks { try $0.convert(top, to: path("copy")) } }
        expectHolder("web01", "merging the top") { try host.withDisks { try $0.merge(top) } }
        expectHolder("web01", "merging a parent") { try host.withDisks { try $0.merge(middle) } }
        for disk in [base, middle, top] { #expect(access(disk, F_OK) == 0) }
        // A parent may have more children: reading it disturbs nobody.
        try host.withDisks {
            var specification = DiskSpecification(path: path("sibling"), kind: .differencing, size: nil)
            specification.parentPath = middle
            try $0.create(specification)
        }
        try machine.turnOff()
        try host.withDisks { try $0.merge(top) }
        #expect(access(top, F_OK) != 0)
    }

    private func disc(_ test: TestHost) throws -> String {
        let path = try test.folder.write("disc.iso", "")
        truncate(path, 1 << 20)
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        defer { close(descriptor) }
        // A volume descriptor in sector 16 (ECMA-119, 8.1).
        let head: [UInt8] = [1] + Array("CD001".utf8) + [1]
        #expect(pwrite(descriptor, head, head.count, 16 * 2048) == head.count)
        return path
    }

    private func isFree(_ path: String) -> Bool {
        guard let file = try? HostDiskFile.open(path: path, readOnly: false) else { return false }
        file.close()
        return true
    }

    /// What the guest ejected is out: in the configuration, on the host and after the next start.
    @Test(arguments: ["running", "turned off at once", "saved at once"]) func anEjectedDiscIsOut(how: String) throws {
        let test = try TestHost()
        let machine = try test.machine()
        let path = try disc(test)
        try machine.configure {
            try $0.add(.init(kind: .dvd, location: 0, imagePath: path), controller: nil, location: nil)
        }
        try machine.start()
        #expect(!isFree(path))
        let placed = try #require(try machine.configuration().drives.first)
        let fake = try #require(FakeMachine.running(machine.id))
        fake.eject(DrivePlace(controller: placed.controller, location: placed.drive.location))
        switch how {
        case "saved at once": try machine.save()
        case "turned off at once": try machine.turnOff()
        // The worker does one thing after another.
        default: try machine.suspend()
        }
        let drive = try #require(try machine.configuration().drives.first).drive
        #expect(drive.kind == .dvd && drive.path == nil && drive.format == nil)
        #expect(isFree(path))
        let events = try machine.events().filter { $0.kind == .mediumEjected }
        #expect(events.count == 1 && events.first?.message.contains(path) == true)
        if how == "running" {
            // The same disc goes in again, and a late word of its ejection does not take it out.
            try machine.configure {
                try $0.changeDrive(.dvd, controller: placed.controller, location: 0) { _ in
                    try .init(kind: .dvd, location: 0, imagePath: path)
                }
            }
            fake.tell(DrivePlace(controller: placed.controller, location: 0))
            try machine.resume()
            #expect(try machine.configuration().drives.first?.drive.path == path)
        } else {
            try machine.start()
        }
        try machine.turnOff()
    }

    /// A VM that stands because of trouble says so, and what waits in it is saved with it.
    @Test func aMachineInTroubleSaysSoAndCanBeSaved() throws {
        let test = try TestHost()
        let machine = try test.machine()
        try machine.start()
        #expect(try machine.status().statusText == "Operating normally")
        FakeMachine.running(machine.id)?.change(.pausedCritical)
        let status = try machine.status()
        #expect(status.state == .pausedCritical)
        #expect(status.statusText == "Stands still because of trouble; Get-VMEvent says why")
        try machine.save()
        #expect(try machine.status().state == .saved)
        try machine.start()
        #expect(try machine.status().state == .running)
        try machine.turnOff()
    }

    /// A look at a guest whose devices are busy keeps nobody else waiting, and the VM's status comes in time.
    @Test func aSlowGuestDelaysNoOtherRequest() throws {
        let test = try TestHost()
        let machine = try test.machine()
        try machine.start()
        #expect(try machine.status().guest?.memoryDemand == 33 << 20)
        let fake = try #require(FakeMachine.running(machine.id))
        fake.guest.inside.withLock { $0.slowness = 6 }
        let begin = HostTime.monotonic()
        try inParallel(2) { number in
            if number == 0 {
                // What was known before is better than nothing.
                #expect(try machine.guestInformation()?.memory.demand == 33 << 20)
                return
            }
            for _ in 0..<3 {
                let status = try machine.status()
                #expect(status.isResponding && status.state == .running && status.guest?.memoryDemand == 33 << 20)
            }
            try machine.suspend()
            #expect(try machine.status().state == .paused)
            try machine.resume()
            // The look itself has not ended yet.
            #expect(HostTime.monotonic() - begin < 5_500_000_000)
        }
        fake.guest.inside.withLock { $0.slowness = 0 }
        try machine.turnOff()
    }
}
