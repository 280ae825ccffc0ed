import Basics
import Persistence
import Storage

extension VirtualMachineHost {
    /// Opens and locks a drive's image with its parents. The error of an image in use names the VM that has it.
    func openImage(
        _ drive: VirtualMachineConfiguration.Drive, readOnly: Bool, for machine: String
    ) throws -> DiskChain {
        guard let path = drive.path, let format = drive.format.flatMap({ DiskFormat(rawValue: $0) }) else {
            throw ManagementError("DiskFormatInvalid", .invalidData, "A drive of “\(machine)” has no usable format.", target: machine)
        }
        let image = DiskFormat.isSet(fileName: path) ? try DiskSet(path).activePath : path
        do {
            return try DiskChain.resolve(path: image, format: format, allowedParents: drive.allowedParents ?? [], readOnly: readOnly)
        } catch {
            throw error.code == .inUse ? inUse(error, path: path, by: machine) : error
        }
    }

    /// Opens the image as a VM would, looks whether it is what its format says, and lets it go.
    func checkImage(_ drive: VirtualMachineConfiguration.Drive, for machine: String) throws {
        let chain = try openImage(drive, readOnly: true, for: machine)
        try chain.disk(readOnly: true).close()
    }

    /// The error of an image in use, naming who has it as far as that can be found; `machine` is the VM that wants it.
    func inUse(_ error: DiskOpenError, path: String, by machine: String) -> any Error {
        let file = error.target ?? path
        if let mounted = mountError(of: file) { return mounted }
        guard let holder = try? holders(of: file).first else { return error }
        return ManagementError(
            error.identifier, error.category, "“\(file)” is in use by the virtual machine “\(holder.name)”.",
            action: holder.name == machine
                ? "It is attached already, or a parent of a disk that is."
                : "Stop \(holder.name), or take the drive from it with Remove-VMHardDiskDrive.", target: file)
    }

    /// VMs with a worker that have the file open: as a drive's image or as a parent of one.
    func holders(of path: String) throws -> [VirtualMachine] {
        try machines().filter { machine in
            guard (try? machine.files().folder.hasWorker()) ?? false, let configuration = try? machine.configuration() else { return false }
            return configuration.drives.contains { $0.drive.uses(path) }
        }
    }
}

extension VirtualMachineConfiguration.Drive {
    /// True when its image is the file at `path`, or stands on it.
    func uses(_ path: String) -> Bool {
        guard let image = self.path, let format = format.flatMap({ DiskFormat(rawValue: $0) }) else { return false }
        if image == path { return true }
        if DiskFormat.isSet(fileName: image) { return (try? DiskSet(image))?.paths.contains(path) ?? false }
        return DiskChain.uses(path, at: image, format: format, allowedParents: allowedParents ?? [])
    }

    /// A drive for the image at `path`, whose format is what its name says: fixed from here on. Throws `DiskFormatInvalid`.
    public init(
        kind: VirtualMachineConfiguration.Drive.Kind, location: Int, imagePath path: String, allowedParents: [String] = []
    ) throws {
        let isSet = kind == .hardDisk && DiskFormat.isSet(fileName: path)
        guard let format = isSet ? .vhdx : DiskFormat.of(fileName: path), (format == .iso) == (kind == .dvd) else {
            let (names, what) =
                kind == .dvd ? (".iso", "a DVD drive's") : (".vhdx, .avhdx, .vhds, .vhd, .avhd, .raw or .img", "a hard disk drive's")
            throw ManagementError(
                "DiskFormatInvalid", .invalidArgument, "“\(path)” cannot be \(what) image: its name does not end in \(names).",
                action: "The name says the format; rename the file if it has another.", target: path)
        }
        self.init(kind: kind, location: location, path: DiskOperations.absolutePath(path), format: format.rawValue)
        if !allowedParents.isEmpty { self.allowedParents = allowedParents.map(DiskOperations.absolutePath) }
    }
}
