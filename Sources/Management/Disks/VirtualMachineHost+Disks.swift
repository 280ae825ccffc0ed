import Basics
import Storage

extension VirtualMachineHost {
    /// Lets `body` work on the files of disks; what fails because a running VM or a mounted disk has a file names that. `allowedParents` are
    /// parents outside their child's folder that the user named; `progress` gets what is done, from 0 to 1, and stops the work by false.
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

    /// Throws `DiskNeeded` when disks or checkpoints of VMs, running or not, stand on an image as it is, so that its content may not change;
    /// `goes`: also when it is a VM's own disk, so that it may not go.
    public func checkUnneeded(_ path: String, goes: Bool = false) throws {
        for machine in try machines() {
            guard let configuration = try? machine.configuration() else { continue }
            if goes, configuration.drives.contains(where: { $0.drive.path == path }) {
                throw needed(
                    path, "is a disk of “\(machine.name)”", "Take the drive from “\(machine.name)” with Remove-VMHardDiskDrive first.")
            }
            let drives = configuration.drives.filter { $0.drive.path != path } + configuration.checkpoints.flatMap(\.configuration.drives)
            let isNeeded =
                configuration.past?.images.contains { $0.parent == path } == true
                || drives.contains { $0.drive.uses(path) }
            guard isNeeded else { continue }
            throw needed(
                path, "is what disks or checkpoints of “\(machine.name)” stand on, which would be lost",
                "Remove its checkpoints, which merges them (Remove-VMSnapshot), or take the disk from it first.")
        }
    }

    private func needed(_ path: String, _ why: String, _ action: String) -> ManagementError {
        ManagementError("DiskNeeded", .resourceBusy, "“\(path)” \(why).", action: action, target: path)
    }
}
