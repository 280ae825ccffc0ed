import Basics
import Boot
import Foundation
import Persistence
import TestSupport
import Testing
import Worker
import WorkerProtocol

/// Drives of an unmodified Debian guest that meet trouble: a host without room, a disc that goes.
@Suite(.enabled(if: BuiltShell.guest != nil, "the guest is not built: Scripts/guest-image"), .serialized, .timeLimit(.minutes(15)))
struct MachineDriveTests {
    private func boot(_ command: String) throws -> DirectBoot {
        let folder = try #require(BuiltShell.guest)
        return DirectBoot(
            kernel: try DescriptorBootFile(path: folder + "/vmlinuz"),
            ramdisk: try DescriptorBootFile(path: folder + "/initrd.img"),
            arguments: "console=ttyS0 loglevel=8 panic=-1 cryptomgr.notests command=\"\(command)\"")
    }

    private func place(
        _ path: String, _ kind: VirtualMachineConfiguration.Drive.Kind, _ configuration: inout VirtualMachineConfiguration
    ) throws -> HandedDevices {
        let format = kind == .dvd ? "ISO" : "RAW"
        var controllers = configuration.controllers
        controllers[0].drives = [.init(kind: kind, location: 0, path: path, format: format)]
        configuration.controllers = controllers
        let descriptor = open(path, (kind == .dvd ? O_RDONLY : O_RDWR) | O_CLOEXEC)
        try #require(descriptor >= 0)
        var handover = DeviceHandover()
        handover.disks = [
            DiskHandover(
                controller: controllers[0].id, location: 0, kind: kind.rawValue, readOnly: kind == .dvd,
                chain: [.init(descriptor: 0, path: path, format: format)])
        ]
        return try HandedDevices(handover, descriptors: [descriptor])
    }

    /// A file system of one mebibyte, where the user may mount one.
    private final class SmallDisk {
        let path: String
        init?() {
            path = FileManager.default.temporaryDirectory.appendingPathComponent("lunavisor-small-\(UUID().uuidString)").path
            guard mkdir(path, 0o700) == 0, mount("tmpfs", path, "tmpfs", 0, "size=1m") == 0 else { return nil }
        }
        /// MS_REMOUNT.
        func grow() -> Bool { mount("tmpfs", path, "tmpfs", 32, "size=128m") == 0 }
        deinit {
            umount2(path, Int32(MNT_DETACH))
            rmdir(path)
        }
    }
    private static let canMount = SmallDisk() != nil

    /// The host runs full, the machine stands and is saved; with room made, another one goes on where it stood, and nothing is lost.
    @Test(.enabled(if: canMount, "this user cannot mount a file system")) func aMachineWithoutRoomIsSavedWithItsRequests() throws {
        let disk = try #require(SmallDisk())
        let path = disk.path + "/disk.raw"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        ftruncate(descriptor, 64 << 20)
        close(descriptor)
        let command = """
            dd if=/dev/urandom of=/tmp/a bs=64k count=64 2>/dev/null; dd if=/tmp/a of=/dev/sda bs=64k oflag=direct 2>/dev/null; sync; \
            echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/sda bs=64k count=64 iflag=direct 2>/dev/null | cmp - /tmp/a && echo the disk is right
            """
        var configuration = MachineBench.configuration(processors: 2, megabytes: 256)
        let bench = MachineBench()
        let devices = try place(path, .hardDisk, &configuration)
        let machine = try Machine(
            configuration: configuration, boot: try boot(command), devices: devices, delegate: bench)
        defer { machine.close() }
        try machine.start()
        #expect(machine.wait(seconds: 400) { $0 == .pausedCritical || $0 == .off })
        machine.drain()
        #expect(machine.state == .pausedCritical, "\(bench.output.suffix(2000))")
        #expect(bench.events.last { $0.kind == .diskFull }?.severity == .critical)
        let file = NamelessFile()
        try machine.save(to: file.descriptor)
        #expect(machine.state == .saved)
        machine.close()

        // Still no room: it stands again, and can be saved again.
        let second = MachineBench()
        let devicesAgain = try place(path, .hardDisk, &configuration)
        let again = try Machine(
            configuration: configuration, boot: try boot(command), devices: devicesAgain, delegate: second)
        defer { again.close() }
        file.rewind()
        try again.restore(from: file.descriptor)
        try again.resume()
        #expect(again.wait(seconds: 60) { $0 == .pausedCritical })
        let later = NamelessFile()
        try again.save(to: later.descriptor)
        again.close()

        #expect(disk.grow())
        let third = MachineBench()
        let devicesLast = try place(path, .hardDisk, &configuration)
        let last = try Machine(
            configuration: configuration, boot: try boot(command), devices: devicesLast, delegate: third)
        defer { last.close() }
        later.rewind()
        try last.restore(from: later.descriptor)
        try last.resume()
        #expect(last.wait(seconds: 300) { $0 == .off })
        last.drain()
        #expect(third.output.contains("the disk is right"), "\(third.output.suffix(2000))")
    }

    /// The guest's own eject empties the drive and lets the file go.
    @Test func theGuestEjectsItsDisc() throws {
        let folder = FileManager.default.temporaryDirectory.path
        let path = folder + "/lunavisor-disc-\(UUID().uuidString).iso"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        defer { unlink(path) }
        ftruncate(descriptor, 1 << 20)
        let head: [UInt8] = [1] + Array("CD001".utf8) + [1]
        #expect(pwrite(descriptor, head, head.count, 16 * 2048) == head.count)
        close(descriptor)
        var configuration = MachineBench.configuration(processors: 1, megabytes: 256)
        let bench = MachineBench()
        let devices = try place(path, .dvd, &configuration)
        // The kernel's own eject, when the last reader closes the drive.
        let command = """
            echo 1 > /proc/sys/dev/cdrom/autoeject; dd if=/dev/sr0 bs=2048 skip=16 count=1 2>/dev/null | head -c 6 | tail -c 5; \
            echo out
            """
        let machine = try Machine(
            configuration: configuration,
            boot: try boot(command),
            devices: devices, delegate: bench)
        defer { machine.close() }
        let drive = DrivePlace(controller: configuration.controllers[0].id, location: 0)
        #expect(!machine.isEmpty(drive))
        try machine.start()
        #expect(machine.wait(seconds: 300) { $0 == .off })
        machine.drain()
        #expect(bench.output.contains("CD001out"), "\(bench.output.suffix(2000))")
        #expect(bench.events.filter { $0.kind == .ejected }.map(\.drive) == [drive])
        #expect(machine.isEmpty(drive))
    }
}
