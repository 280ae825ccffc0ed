import Basics
import Persistence
import Storage

/// An image that this host has mounted: a process serves it by NBD until it is dismounted.
public struct MountedDisk: Sendable, Equatable {
    /// The disk's number in the store.
    public let number: UInt32
    /// The image's absolute path.
    public let path: String
    public let isReadOnly: Bool
    /// The Unix socket that NBD clients connect to.
    public let socketPath: String
    /// The kernel's device, like /dev/nbd0; nil where the host has none for it.
    public let devicePath: String?

    init(_ record: MountRecord, _ mount: MountFolder) {
        (number, path, isReadOnly, devicePath) = (record.number, record.path, record.isReadOnly, record.devicePath)
        socketPath = mount.folder.path(of: MountFolder.socketName)
    }

    /// Where the disk is, in the words of the NBD URI specification.
    public var uri: String {
        var escaped = ""
        for byte in socketPath.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "/"):
                escaped.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                escaped += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return "nbd+unix:///?socket=\(escaped)"
    }
}

extension VirtualMachineHost {
    /// The disks that are mounted now, by number.
    public func mountedDisks() throws -> [MountedDisk] {
        guard let store = try store() else { return [] }
        return try store.mounts().compactMap { mount in
            guard try mount.isServed(), let record = try? mount.readRecord() else { return nil }
            return MountedDisk(record, mount)
        }
    }

    /// The mounted disk in that file, by whatever name; nil: it is not mounted.
    public func mountedDisk(at path: String) throws -> MountedDisk? {
        try mount(at: path).flatMap { found in try found.mount.isServed() ? MountedDisk(found.record, found.mount) : nil }
    }

    /// Throws `DiskNotMounted`.
    public func mountedDisk(number: UInt32) throws -> MountedDisk {
        guard let disk = try mountedDisks().first(where: { $0.number == number }) else { throw ManagementError.noDisk(number) }
        return disk
    }

    /// A mount of that file, also one whose server has ended.
    func mount(at path: String) throws -> (record: MountRecord, mount: MountFolder)? {
        guard let store = try store() else { return nil }
        let (path, identity) = (DiskOperations.absolutePath(path), FileIdentity(path))
        for mount in try store.mounts() {
            guard let record = try? mount.readRecord() else { continue }
            if record.path == path || identity != nil && identity == FileIdentity(device: record.device, file: record.file) {
                return (record, mount)
            }
        }
        return nil
    }

    /// The error of an image that cannot be had because a mounted disk is it or stands on it; nil when none does.
    func mountError(of path: String) -> ManagementError? {
        let disks = (try? mountedDisks()) ?? []
        let user = disks.first { disk in
            guard let format = DiskFormat.of(fileName: disk.path) else { return disk.path == path }
            return disk.path == path || DiskChain.uses(path, at: disk.path, format: format)
        }
        guard let user else { return nil }
        return ManagementError(
            "DiskInUse", .resourceBusy, "“\(path)” is in use by the mounted disk \(user.number), “\(user.path)”.",
            action: "Dismount it first: Dismount-VHD -DiskNumber \(user.number)", target: path)
    }
}

extension ManagementError {
    static func noDisk(_ number: UInt32) -> ManagementError {
        ManagementError(
            "DiskNotMounted", .objectNotFound, "No mounted disk has the number \(number).",
            action: "Mount-VHD mounts an image; Get-VHD PATH tells its number.", target: String(number))
    }
}
