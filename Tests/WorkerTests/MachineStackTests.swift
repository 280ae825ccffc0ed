import Basics
import Boot
import Foundation
import Persistence
import Storage
import TestSupport
import Testing
import Worker
import WorkerProtocol

/// The unmodified Debian guest finds the virtualization stack over VMBus and uses it.
@Suite(.enabled(if: BuiltShell.guest != nil, "the guest is not built: Scripts/guest-image"), .serialized, .timeLimit(.minutes(15)))
struct MachineStackTests {
    private static let arguments = "console=ttyS0 loglevel=8 panic=-1 cryptomgr.notests"

    private func boot(_ command: String) throws -> DirectBoot {
        let folder = try #require(BuiltShell.guest)
        return DirectBoot(
            kernel: try DescriptorBootFile(path: folder + "/vmlinuz"),
            ramdisk: try DescriptorBootFile(path: folder + "/initrd.img"), arguments: Self.arguments + " command=\"\(command)\"")
    }

    /// An empty raw disk as a drive of the first controller.
    private func disk(_ megabytes: Int, _ configuration: inout VirtualMachineConfiguration) throws -> HandedDevices {
        let file = NamelessFile()
        ftruncate(file.descriptor, off_t(megabytes) << 20)
        var controllers = configuration.controllers
        controllers[0].drives = [.init(kind: .hardDisk, location: 0, path: "test.raw", format: "RAW")]
        configuration.controllers = controllers
        var handover = DeviceHandover()
        let image = DiskHandover.ImageFile(descriptor: 0, path: "test.raw", format: "RAW")
        handover.disks = [
            DiskHandover(controller: controllers[0].id, location: 0, kind: "HardDisk", readOnly: false, chain: [image])
        ]
        return try HandedDevices(handover, descriptors: [dup(file.descriptor)])
    }

    @Test(arguments: [(false, Architecture.microkernel), (true, .microkernel), (false, .monolithic)])
    func usesItsDisk(exact: Bool, architecture: Architecture) throws {
        let bench = MachineBench()
        var configuration = MachineBench.configuration(exact: exact, processors: 2, megabytes: 256)
        configuration.architecture = architecture
        let devices = try disk(64, &configuration)
        let command = """
            ls /sys/bus/vmbus/devices | wc -l; cat /proc/partitions; dd if=/dev/urandom of=/tmp/a bs=64k count=64 2>/dev/null; \
            dd if=/tmp/a of=/dev/sda bs=64k oflag=direct 2>/dev/null; sync; echo 3 > /proc/sys/vm/drop_caches; \
            dd if=/dev/sda bs=4k count=1024 iflag=direct 2>/dev/null | cmp - /tmp/a && echo the disk is right
            """
        let machine = try Machine(configuration: configuration, boot: try boot(command), devices: devices, delegate: bench)
        defer { machine.close() }
        try machine.start()
        #expect(machine.wait(seconds: 300) { $0 == .off })
        machine.drain()
        #expect(bench.output.contains("the disk is right"), "\(bench.output.suffix(3000))")
        #expect(bench.events.map(\.kind) == [.started, .guestPowerOff])

        let crossings = Dictionary(uniqueKeysWithValues: (machine.partitionInformation().crossings ?? []).map { ($0.kind, $0.count) })
        let disk = try #require(machine.guestInformation().disks.first)
        let requests = disk.readOperations + disk.writeOperations
        #expect(requests >= 1024 + 64)
        let toParent = try #require(crossings["HypervisorToParent"])
        #expect(crossings["GuestToHypervisor", default: 0] > toParent)
        #expect(toParent >= 1024)
        #expect(crossings["ParentToHypervisor", default: 0] >= 1024)
        if architecture == .monolithic {
            // Each request was waited for before the next came: nothing of it was left to a thread.
            #expect(crossings["HandedToThread", default: .max] < requests / 4)
            #expect(crossings["ServedInExit", default: 0] >= 1024)
        }
    }
}
