import Basics
import Storage

extension VirtualMachineHost {
    /// Lets `body` work on the files of disks; what fails because a running VM or a mounted disk has a
    /// file names that. `allowedParents` are parents
    /// outside their child's folder that the user named; `progress` gets what is done, from 0 to 1, and stops the work by false.
    public func withDisks<Result>(
        allowedParents: [String] = [], progress: @escaping DiskOperations.Progress = { _ in true },
        _ body: (DiskOperations) throws -> Result
    ) throws -> Result {
        do {
            return try body(DiskOperations(allowedParents: allowedParents, progress: progress))
        } catch let error as DiskOpenError where error.code == .inUse {
            guard let file = error.target else { throw error }
            if let mounted = mountError(of: DiskOperations.absolutePath(file)) { throw mounted }
            guard let holder = try? holders(of: DiskOperations.absolutePath(file)).first else { throw error }
            throw ManagementError(
                error.identifier, error.category, "“\(file)” is in use by the virtual machine “\(holder.name)”.",
                action: "Stop \(holder.name), or take the drive from it with Remove-VMHardDiskDrive.", target: file)
        }
    }
}
