import Basics
import Glibc
import Persistence
import Storage

/// A file of the store, or of a VM's disks, and whose it is.
public struct StoredFile: Sendable {
    public enum Kind: String, Sendable, CaseIterable {
        case configuration = "Configuration"
        /// What a drive has now, or had at a checkpoint.
        case disk = "Disk"
        /// What disks stand on.
        case image = "Image"
        case memory = "Memory"
        case savedState = "SavedState"
        case console = "Console"
        case log = "Log"
        /// Left by a command that was cut off.
        case partial = "Partial"
        case other = "Other"
    }
    public var path: String
    public var kind: Kind
    /// nil: nothing refers to it.
    public var machine: VirtualMachine?
    /// Names of the checkpoints that need it.
    public var checkpoints: [String] = []
    /// Bytes of the host's disk that it takes.
    public var size: UInt64 = 0
    /// Something names it, but it is not there.
    public var isMissing = false
}

extension VirtualMachineHost {
    /// The files of VMs, by VM; with all VMs also those that nobody refers to, in the store and beside disks.
    public func storedFiles(of wanted: [VirtualMachine]? = nil) throws -> [StoredFile] {
        let machines = try machines()
        var (files, known, places) = ([StoredFile](), Set<String>(), Set<String>())
        for machine in machines {
            let own = FileOverview(machine).files
            known.formUnion(own.map(\.path))
            places.formUnion(own.filter { [.disk, .image, .memory].contains($0.kind) }.map { Paths.folder(of: $0.path) })
            if wanted?.contains(machine) ?? true { files += own }
        }
        guard wanted == nil else { return files }
        for machine in machines {
            let moving = (try? machine.configuration())?.moving
            for path in (moving?.copies ?? []).map(\.path) + (moving?.left ?? []).map(\.path) where !known.contains(path) {
                let found = StoredFile(path: (try? machine.absolutePath(ofMemory: path)) ?? path, kind: .partial, machine: nil).measured
                if !found.isMissing, known.insert(found.path).inserted { files.append(found) }
            }
            places.formUnion((moving?.copies ?? []).map { Paths.folder(of: $0.path) })
        }
        places.formUnion([information().virtualHardDiskPath, storePath, storePath + "/vms"])
        for place in places.sorted() { files += Self.orphans(in: place, known) }
        return files
    }

    private static func orphans(in place: String, _ known: Set<String>) -> [StoredFile] {
        guard let folder = try? Folder(path: place) else { return [] }
        return ((try? folder.names()) ?? []).compactMap { name in
            let path = folder.path(of: name)
            guard !known.contains(path) else { return nil }
            let isPartial =
                name.hasPrefix(".partial-") || name.contains(".partial-") || name.hasPrefix(".new-") || name.hasPrefix(".removed-")
            let kind: StoredFile.Kind? =
                isPartial
                ? .partial : name.hasSuffix(".avhdx") || name.hasSuffix(".avhd") ? .image : name.hasSuffix(".memory") ? .memory : nil
            return kind.map { StoredFile(path: path, kind: $0, machine: nil).measured }
        }
    }
}

extension StoredFile {
    fileprivate var measured: StoredFile {
        var (measured, status) = (self, stat())
        guard lstat(path, &status) == 0 else {
            measured.isMissing = true
            return measured
        }
        measured.size = UInt64(clamping: status.st_blocks) * 512
        return measured
    }
}

/// The files of one VM, each once.
private struct FileOverview {
    private(set) var files: [StoredFile] = []
    private let machine: VirtualMachine

    init(_ machine: VirtualMachine) {
        self.machine = machine
        guard let folder = try? machine.files().folder else { return }
        let configuration = try? machine.configuration()
        if let configuration {
            for placed in configuration.drives { addDisk(placed.drive, nil) }
            for checkpoint in configuration.checkpoints {
                for placed in checkpoint.configuration.drives { addDisk(placed.drive, checkpoint.name) }
                for path in checkpoint.memory?.paths ?? [] { add(absolute(path, folder), .memory, checkpoint.name) }
            }
            for image in configuration.past?.images ?? [] {
                add(image.path, .image, nil)
                add(image.parent, .image, nil)
            }
            for path in configuration.savedMemory?.paths ?? [] { add(absolute(path, folder), .memory, nil) }
        }
        for name in (try? folder.folder.names()) ?? [] { addOwn(name, folder) }
        files = files.map(\.measured)
    }

    private func absolute(_ path: String, _ folder: VirtualMachineFolder) -> String {
        path.hasPrefix("/") ? path : folder.folder.path(of: path)
    }

    private mutating func addOwn(_ name: String, _ folder: VirtualMachineFolder) {
        let path = folder.folder.path(of: name)
        switch name {
        case VirtualMachineFolder.configurationName: add(path, .configuration, nil)
        case VirtualMachineFolder.savedStateName: add(path, .savedState, nil)
        case VirtualMachineFolder.logName, "events.jsonl": add(path, .log, nil)
        case VirtualMachineFolder.bootName:
            for inner in (try? folder.folder.subfolder(name).names()) ?? [] { add("\(path)/\(inner)", .other, nil) }
        case let name where name.hasSuffix(".ring"): add(path, .console, nil)
        default: break
        }
    }

    /// A drive's image and what it stands on, as the images say themselves.
    private mutating func addDisk(_ drive: VirtualMachineConfiguration.Drive, _ checkpoint: String?) {
        guard var path = drive.path else { return }
        add(path, .disk, checkpoint)
        for _ in 0..<DiskChain.greatestDepth {
            guard let parent = try? DiskOperations().information(path).parentPath, parent != path else { return }
            add(parent, .image, checkpoint)
            path = parent
        }
    }

    private mutating func add(_ path: String, _ kind: StoredFile.Kind, _ checkpoint: String?) {
        let index = files.firstIndex { $0.path == path } ?? files.endIndex
        if index == files.endIndex { files.append(StoredFile(path: path, kind: kind, machine: machine)) }
        if kind == .disk { files[index].kind = .disk }
        if let checkpoint, !files[index].checkpoints.contains(checkpoint) { files[index].checkpoints.append(checkpoint) }
    }
}
