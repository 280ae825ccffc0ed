import Management
import Storage

extension ObjectType {
    static let virtualHardDisk = ObjectType(
        name: "VirtualHardDisk",
        properties: [
            .init("ComputerName", "String", "The host it is on."),
            .init("Path", "String", "Its file."),
            .init("VhdFormat", "VhdFormat", "VHDX, VHD, RAW, ISO, or VHDSet."),
            .init("VhdType", "VhdType", "Fixed, Dynamic or Differencing."),
            .init("FileSize", "UInt64", "Bytes of the host's disk that the file takes."),
            .init("Size", "UInt64", "Bytes of the disk that a guest sees."),
            .init("MinimumSize", "Nullable<UInt64>", "Bytes it can be shrunk to; null where no partition table says it."),
            .init("LogicalSectorSize", "UInt32", "Bytes."),
            .init("PhysicalSectorSize", "UInt32", "Bytes."),
            .init("BlockSize", "UInt32", "Bytes of a block; 0 where there are none."),
            .init("ParentPath", "String", "The parent's file, as a differencing disk says; else empty."),
            .init("DiskIdentifier", "String", "Identifier that stays with the disk."),
            .init("FragmentationPercentage", "Nullable<UInt32>", "Blocks that do not follow the one before; null for fixed disks."),
            .init("Alignment", "Nullable<UInt32>", "1: blocks begin on pages of 4096 bytes; 0: they do not."),
            .init("Attached", "Boolean", "Whether it is mounted, or open for writing, as by a running virtual machine."),
            .init("DiskNumber", "Nullable<UInt32>", "Its number while it is mounted (Mount-VHD); else null."),
            .init("Number", "Nullable<UInt32>", "As DiskNumber."),
            .init("NbdUri", "String", "Where NBD clients find the mounted disk; else null."),
            .init("DevicePath", "String", "The mounted disk's block device, where the host has one for it; else null."),
        ])
}

extension ComponentObject {
    /// The virtual disk in the file at `path`; each reading looks at the file anew.
    static func virtualHardDisk(_ path: String, _ host: VirtualMachineHost) -> ComponentObject {
        let path = DiskOperations.absolutePath(path)
        return ComponentObject(
            .virtualHardDisk, identity: path, displayName: path, machine: nil,
            read: {
                guard DiskFormat.isSet(fileName: path) else {
                    return record(try host.withDisks { try $0.information(path) }, try? host.mountedDisk(at: path))
                }
                var record = record(try DiskSet(path).information(), nil)
                record["VhdFormat"] = .string("VHDSet")
                return record
            })
    }

    private static func record(_ disk: DiskInformation, _ mounted: MountedDisk?) -> Record {
        let number: Value = mounted.map { .count($0.number) } ?? .null
        return Record([
            ("ComputerName", .string(LocalHost.name)), ("Path", .string(disk.path)), ("VhdFormat", .string(disk.format.rawValue)),
            ("VhdType", .string(disk.kind.rawValue)), ("FileSize", .count(disk.fileSize)), ("Size", .count(disk.size)),
            ("MinimumSize", disk.minimumSize.map { .count($0) } ?? .null), ("LogicalSectorSize", .count(disk.logicalSectorSize)),
            ("PhysicalSectorSize", .count(disk.physicalSectorSize)), ("BlockSize", .count(disk.blockSize)),
            ("ParentPath", .string(disk.parentPath ?? "")),
            ("DiskIdentifier", disk.diskIdentifier.map { .string($0.description) } ?? .null),
            ("FragmentationPercentage", disk.fragmentationPercentage.map { .count($0) } ?? .null),
            ("Alignment", .integer(disk.isAligned ? 1 : 0)), ("Attached", .boolean(disk.isAttached || mounted != nil)),
            ("DiskNumber", number), ("Number", number), ("NbdUri", mounted.map { .string($0.uri) } ?? .null),
            ("DevicePath", mounted?.devicePath.map { .string($0) } ?? .null),
        ])
    }
}
