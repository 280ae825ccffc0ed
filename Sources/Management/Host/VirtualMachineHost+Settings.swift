import Basics
import Glibc
import Persistence

extension VirtualMachineHost {
    /// Version of the configurations that are written; all before it are read.
    public static let configurationVersion = VirtualMachineConfiguration.currentVersion

    /// What was decided for the whole store.
    public func settings() throws -> HostSettings { try store().map { try HostSettings.read(in: $0) } ?? HostSettings() }

    /// What machines get whose specification says none, by its name. Another name changes nothing.
    public func configure(architecture name: String) throws {
        guard let architecture = Architecture(rawValue: name) else { return }
        try configure { $0.architecture = architecture }
    }

    /// Changes what is decided for the whole store, all of it or nothing. Errors: `FolderNotFound`, `MacAddressInvalid`.
    public func configure(_ change: (inout HostSettings) throws -> Void) throws {
        let store = try existingStore()
        try store.locked {
            let old = try HostSettings.read(in: store)
            var new = old
            try change(&new)
            new.virtualHardDiskPath = try new.virtualHardDiskPath.map { try Self.folder($0, for: "disks", old: old.virtualHardDiskPath) }
            new.virtualMachinePath = try new.virtualMachinePath.map { try Self.folder($0, for: "VMs", old: old.virtualMachinePath) }
            try Self.checkAddresses(new)
            if new != old { try new.write(in: store) }
        }
    }

    private static func folder(_ path: String, for what: String, old: String?) throws -> String {
        let path = Paths.absolute(path)
        guard path != old else { return path }
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw ManagementError(
                "FolderNotFound", .objectNotFound, "There is no folder “\(path)” for \(what).", action: "Make it first.", target: path)
        }
        return path
    }

    private static func checkAddresses(_ settings: HostSettings) throws {
        guard settings.macAddressMinimum != nil || settings.macAddressMaximum != nil else { return }
        let minimum = settings.macAddressMinimum ?? HostSettings.macAddresses.lowerBound
        let maximum = settings.macAddressMaximum ?? HostSettings.macAddresses.upperBound
        // Bit 0 of the first byte makes a group address; a range within one prefix of three bytes keeps clear of it.
        guard let range = settings.macAddressRange, let first = UInt8(minimum.prefix(2), radix: 16), first & 1 == 0,
            minimum.prefix(6) == maximum.prefix(6), range.lowerBound > 0
        else {
            throw ManagementError(
                "MacAddressInvalid", .invalidArgument, "MAC addresses cannot be drawn from \(minimum) to \(maximum).",
                action: "The minimum must not be above the maximum, their first six digits are the same, and the first byte is even.",
                target: minimum)
        }
    }

    /// The folder for disks whose names say none.
    public func virtualHardDiskPath() throws -> String { try settings().virtualHardDiskPath ?? storePath + "/disks" }

    /// What the folder for new disks is called in a VM's own folder.
    public static let diskFolderName = "Virtual Hard Disks"

    /// Makes the folder for new disks in a VM's own folder.
    public func makeDiskFolder(in folder: String) throws { try Folder.make(path: "\(folder)/\(Self.diskFolderName)") }

    /// The folder for sockets that stand for named pipes, made when it is missing.
    public func pipeFolder() throws -> String {
        _ = try existingStore()
        try Folder.make(path: storePath + "/pipes")
        return storePath + "/pipes"
    }

    /// A new disk's path: a bare name lies in the folder for disks, which is made when it is the store's own.
    public func newDiskPath(_ path: String) throws -> String {
        guard !path.contains("/") else { return path }
        let folder = try virtualHardDiskPath()
        if folder == storePath + "/disks" {
            _ = try existingStore()
            try Folder.make(path: folder)
        }
        return folder + "/" + path
    }
}
