import Basics
import Glibc
import Persistence

extension VirtualMachineHost {
    /// The folder for disks whose names say none.
    public func virtualHardDiskPath() throws -> String {
        try store().flatMap { try HostSettings.read(in: $0).virtualHardDiskPath } ?? storePath + "/disks"
    }

    /// Sets that folder, which must be there. Throws `FolderNotFound`.
    public func setVirtualHardDiskPath(_ path: String) throws {
        let path = Paths.absolute(path)
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw ManagementError(
                "FolderNotFound", .objectNotFound, "There is no folder “\(path)” for disks.", action: "Make it first.", target: path)
        }
        let store = try existingStore()
        try store.locked {
            var settings = try HostSettings.read(in: store)
            settings.virtualHardDiskPath = path
            try settings.write(in: store)
        }
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
