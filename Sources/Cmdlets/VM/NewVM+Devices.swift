import Basics
import Glibc
import Management
import Persistence
import Storage

/// The devices that New-VM's arguments ask for.
extension Invocation {
    func addDevices(to base: inout VirtualMachineSpecification) throws {
        for parameter in ["VHDPath", "NewVHDPath"] where isGiven(parameter) && isGiven("Count") {
            throw ErrorRecord(
                "New-VM -\(parameter) and -Count do not go together: a disk belongs to one machine.", "AmbiguousParameterSet",
                .invalidArgument, target: base.name, cmdlet: "New-VM")
        }
        if let name = string("SwitchName") {
            let found = try context.host.virtualSwitch(named: name)
            base.connectedTo = (found.id, found.name)
        }
        if let path = string("VHDPath") { try context.host.checkUnneeded(DiskOperations.absolutePath(path)) }
        if let path = try string("VHDPath") ?? newDiskPath {
            base.drives = [
                try VirtualMachineConfiguration.Drive(
                    kind: .hardDisk, location: 0, imagePath: path, allowedParents: (list("AllowedParentPath") ?? []).map(\.text))
            ]
        }
        switch string("BootDevice") {
        case "CD": base.drives.append(VirtualMachineConfiguration.Drive(kind: .dvd, location: base.drives.count))
        case let device? where ["Floppy", "IDE", "LegacyNetworkAdapter"].contains(device):
            throw ErrorRecord(
                "New-VM -BootDevice \(device): there is no such device here.", "BootDeviceInvalid", .invalidArgument, target: base.name,
                action: "Use VHD, CD or NetworkAdapter.", cmdlet: "New-VM")
        default: break
        }
    }

    /// The folder for the files of a machine of that name: in -Path, or where the host's machines have theirs; nil: it gets none.
    func machineFolder(_ name: String) throws -> String? {
        guard let folder = try string("Path") ?? context.host.settings().virtualMachinePath else { return nil }
        try VirtualMachineConfiguration.check(name: name)
        return DiskOperations.absolutePath(folder) + "/" + name
    }

    /// -NewVHDPath; a bare name lies in the machine's folder, else in the host's for disks.
    private var newDiskPath: String? {
        get throws {
            guard let path = string("NewVHDPath") else { return nil }
            guard !path.contains("/"), let folder = try machineFolder(string("Name") ?? "New Virtual Machine") else {
                return try context.host.newDiskPath(path)
            }
            return "\(folder)/\(VirtualMachineHost.diskFolderName)/\(path)"
        }
    }

    /// Makes the disk of -NewVHDPath, then the machine; without the machine the disk goes again.
    func withNewDisk<Result>(_ make: () throws -> Result) throws -> Result {
        guard let path = try newDiskPath.map(DiskOperations.absolutePath) else { return try make() }
        if let folder = try machineFolder(string("Name") ?? "New Virtual Machine"), path.hasPrefix(folder + "/") {
            try context.host.makeDiskFolder(in: folder)
        }
        try DiskOperations().create(DiskSpecification(path: path, kind: .dynamic, size: UInt64(integer("NewVHDSizeBytes") ?? 0)))
        do {
            return try make()
        } catch {
            unlink(path)
            throw error
        }
    }
}
