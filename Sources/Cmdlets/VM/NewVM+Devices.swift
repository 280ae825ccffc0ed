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

    /// -NewVHDPath; a bare name lies in the host's folder for disks.
    private var newDiskPath: String? {
        get throws { try string("NewVHDPath").map { try context.host.newDiskPath($0) } }
    }

    /// Makes the disk of -NewVHDPath, then the machine; without the machine the disk goes again.
    func withNewDisk<Result>(_ make: () throws -> Result) throws -> Result {
        guard let path = try newDiskPath.map(DiskOperations.absolutePath) else { return try make() }
        try DiskOperations().create(DiskSpecification(path: path, kind: .dynamic, size: UInt64(integer("NewVHDSizeBytes") ?? 0)))
        do {
            return try make()
        } catch {
            unlink(path)
            throw error
        }
    }
}
