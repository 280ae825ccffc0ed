import Basics
import Devices
import Persistence
import Storage
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// A hard disk of a guest without enlightenments: an image that stands behind a drive of the ATA channel. It is read and written within the
/// exit of the virtual processor that asks, under the machine lock.
final class EmulatedDrive: ATAMedium {
    struct Counts: Sendable {
        var reads: UInt64 = 0
        var readBytes: UInt64 = 0
        var writes: UInt64 = 0
        var writtenBytes: UInt64 = 0
        var flushes: UInt64 = 0
    }

    let disk: any Disk
    /// Any thread.
    let counts = Mutex(Counts())
    private let identifier: [UInt8]
    private let crossings: CrossingCounters
    private let onFull: (DiskError) -> Void
    private let onTrouble: (DiskError) -> Void

    /// `fallbackIdentifier`: the identity that the guest sees where the disk's format has none; stable for the drive.
    init(
        _ disk: any Disk, fallbackIdentifier: [UInt8], crossings: CrossingCounters, onFull: @escaping (DiskError) -> Void,
        onTrouble: @escaping (DiskError) -> Void
    ) {
        (self.disk, self.crossings) = (disk, crossings)
        identifier = disk.identifier ?? fallbackIdentifier
        (self.onFull, self.onTrouble) = (onFull, onTrouble)
    }

    var sectorSize: Int { disk.logicalSectorSize }
    var physicalSectorSize: Int { disk.physicalSectorSize }
    var sectorCount: UInt64 { disk.size / UInt64(disk.logicalSectorSize) }
    var isReadOnly: Bool { disk.isReadOnly }

    /// Ten bytes of the identity in hexadecimal.
    var serialNumber: String {
        identifier.prefix(10).map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined()
    }

    func read(into bytes: inout [UInt8], at sector: UInt64) -> ATAOutcome {
        defer { crossings.countDiskCalls() }
        let (count, offset) = (bytes.count, sector * UInt64(sectorSize))
        var failure: DiskError?
        bytes.withUnsafeMutableBytes { buffer in
            withUnsafePointer(to: iovec(iov_base: buffer.baseAddress, iov_len: count)) { segment in
                do throws(DiskError) { try disk.read(into: UnsafeBufferPointer(start: segment, count: 1), at: offset) } catch {
                    failure = error
                }
            }
        }
        if let failure { return outcome(of: failure) }
        counts.withLock {
            $0.reads &+= 1
            $0.readBytes &+= UInt64(count)
        }
        return .done
    }

    func write(_ bytes: [UInt8], at sector: UInt64) -> ATAOutcome {
        defer { crossings.countDiskCalls() }
        let (count, offset) = (bytes.count, sector * UInt64(sectorSize))
        var failure: DiskError?
        bytes.withUnsafeBytes { buffer in
            // Safety: nobody writes through the segments of a write.
            withUnsafePointer(to: iovec(iov_base: UnsafeMutableRawPointer(mutating: buffer.baseAddress), iov_len: count)) { segment in
                do throws(DiskError) { try disk.write(from: UnsafeBufferPointer(start: segment, count: 1), at: offset) } catch {
                    failure = error
                }
            }
        }
        if let failure { return outcome(of: failure) }
        counts.withLock {
            $0.writes &+= 1
            $0.writtenBytes &+= UInt64(count)
        }
        return .done
    }

    func flush() -> ATAOutcome {
        defer { crossings.countDiskCalls() }
        do throws(DiskError) { try disk.flush() } catch { return outcome(of: error) }
        counts.withLock { $0.flushes &+= 1 }
        return .done
    }

    private func outcome(of error: DiskError) -> ATAOutcome {
        guard error.code != .full else {
            onFull(error)
            return .full
        }
        onTrouble(error)
        return .failed
    }
}

extension VirtualizationStack {
    /// Opens the hard disks of a guest without enlightenments, which finds them as master and slave of one ATA channel. It is shown no
    /// other device of the configuration. Before anything runs.
    func openDrives(_ configuration: VirtualMachineConfiguration, _ devices: HandedDevices) throws(MachineError) {
        var described: [(controller: GUID, drive: VirtualMachineConfiguration.Drive)] = []
        for controller in configuration.controllers { described += controller.drives.map { (controller: controller.id, drive: $0) } }
        let isPossible = described.count <= ATAChannel.driveCount && described.allSatisfy { $0.drive.kind == .hardDisk }
        guard isPossible else {
            throw MachineError(
                .disk,
                cause: PersistenceError(
                    "ArchitectureDrives", .invalidOperation,
                    "“\(configuration.name)” has drives that its architecture, \(world.architecture.rawValue), cannot show: two hard disks at most, and no DVD drive.",
                    action: "Remove the others, or give it another architecture: Set-VM \(configuration.name) -Architecture Microkernel.",
                    target: configuration.name))
        }
        var drives: [(place: DrivePlace, drive: EmulatedDrive)] = []
        for (number, (controller, drive)) in described.enumerated() {
            guard let disk = try openImage(drive, controller: controller, devices) else {
                throw MachineError(.assembly, detail: "the hard disk at location \(drive.location) has no image")
            }
            let place = DrivePlace(controller: controller, location: drive.location)
            var identifier = controller.bytes
            identifier[0] ^= UInt8(truncatingIfNeeded: drive.location)
            let emulated = EmulatedDrive(
                disk, fallbackIdentifier: identifier, crossings: world.crossings,
                onFull: { [world] error in
                    world.diskFull("There is no room for ATA disk \(number): \(error.message) Make room, then resume the VM.")
                },
                onTrouble: { [world] error in world.note("ATA disk \(number): \(error.message)") })
            drives.append((place, emulated))
            if let disk = disk as? LiveDisk { disks.add(disk, at: place) }
        }
        inventory.drives = drives
    }

    /// Changes of the configuration while such a guest runs: it finds its disks when it starts, and is shown nothing else.
    func applyUnenlightened(_ changes: [ConfigurationChange]) throws {
        for change in changes {
            switch change {
            case .addDrive, .removeDrive, .changeMedium:
                throw MachineError(
                    .wrongState, detail: "its architecture is \(world.architecture.rawValue), whose disks change only while it is off")
            case .addAdapter, .removeAdapter, .changeAdapter, .integrationService, .memory, .settings: break
            }
        }
    }
}
