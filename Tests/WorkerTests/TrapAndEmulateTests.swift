import Basics
import Boot
import Foundation
import Persistence
import TestSupport
import Testing
import Worker
import WorkerProtocol

/// Guests that are not told of their hypervisor.
@Suite(.serialized, .timeLimit(.minutes(15))) struct TrapAndEmulateTests {
    private typealias Drive = VirtualMachineConfiguration.Drive

    private func configuration(_ drives: [Drive], exact: Bool = false) -> VirtualMachineConfiguration {
        var configuration = MachineBench.configuration(exact: exact, processors: 2, megabytes: 256)
        configuration.architecture = .trapAndEmulate
        var controllers = configuration.controllers
        controllers[0].drives = drives
        configuration.controllers = controllers
        return configuration
    }

    private func disk(_ location: Int) -> Drive { Drive(kind: .hardDisk, location: location, path: "\(location).raw", format: "RAW") }

    @Test func drivesThatCannotBeShownAreRefused() throws {
        let bench = MachineBench()
        let boot = DirectBoot(kernel: MemoryBootFile(name: "none", bytes: [0]))
        for drives in [[disk(0), disk(1), disk(2)], [disk(0), Drive(kind: .dvd, location: 1)]] {
            do {
                _ = try bench.machine(boot, configuration(drives))
                Issue.record("\(drives.count) drives were taken")
            } catch let error as MachineError {
                #expect(error.identifier == "ArchitectureDrives")
                #expect(error.message.contains("two hard disks"))
            }
        }
    }

    /// Debian's kernel finds no hypervisor, keeps time by the power management timer, and moves its disk's data word by word.
    @Test(.enabled(if: BuiltShell.guest != nil, "the guest is not built: Scripts/guest-image"), arguments: [false, true])
    func aGuestUsesItsDiskAndKnowsOfNothing(exact: Bool) throws {
        let folder = try #require(BuiltShell.guest)
        let command = """
            until [ -b /dev/sda ]; do usleep 100000; done; ls /sys/bus; dd if=/dev/urandom of=/tmp/a bs=64k count=16 2>/dev/null; \
            dd if=/tmp/a of=/dev/sda bs=64k oflag=direct 2>/dev/null; sync; echo 3 > /proc/sys/vm/drop_caches; \
            dd if=/dev/sda bs=64k count=16 iflag=direct 2>/dev/null | cmp - /tmp/a && echo the disk is right
            """
        let boot = DirectBoot(
            kernel: try DescriptorBootFile(path: folder + "/vmlinuz"), ramdisk: try DescriptorBootFile(path: folder + "/initrd.img"),
            arguments: "console=ttyS0 loglevel=8 panic=-1 cryptomgr.notests command=\"\(command)\"")
        let file = NamelessFile()
        ftruncate(file.descriptor, 64 << 20)
        let settings = configuration([disk(0)], exact: exact)
        var handover = DeviceHandover()
        let image = DiskHandover.ImageFile(descriptor: 0, path: "0.raw", format: "RAW")
        handover.disks = [
            DiskHandover(controller: settings.controllers[0].id, location: 0, kind: "HardDisk", readOnly: false, chain: [image])
        ]
        let bench = MachineBench()
        let machine = try Machine(
            configuration: settings, boot: boot, devices: try HandedDevices(handover, descriptors: [dup(file.descriptor)]),
            delegate: bench)
        defer { machine.close() }
        try machine.start()
        #expect(machine.wait(seconds: 600) { $0 == .off })
        machine.drain()
        let output = bench.output
        #expect(output.contains("the disk is right"), "\(output.suffix(3000))")
        #expect(!output.contains("Hyper-V") && !output.contains("vmbus"), "\(output.suffix(3000))")
        #expect(!output.contains("unchecked MSR access"))
        #expect(bench.events.map(\.kind) == [.started, .guestPowerOff])

        let information = machine.partitionInformation()
        let counted = Dictionary(uniqueKeysWithValues: (information.privileged ?? []).map { ($0.kind, $0.count) })
        // A mebibyte there and back, two bytes at a time.
        #expect(counted["PortAccess", default: 0] >= 2 << 19)
        #expect(counted["InterruptFlag", default: 0] > 1000)
        #expect(information.hypercalls == 0 && information.privilegeMask == 0)
        let used = try #require(machine.guestInformation().disks.first)
        #expect(used.readBytes >= 1 << 20 && used.writtenBytes >= 1 << 20)
        #expect(machine.guestInformation().heartbeat == "NoContact")
    }
}
