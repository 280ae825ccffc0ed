import Management
import Storage

/// The parameters that the cmdlets on virtual hard disks share.
extension Parameter {
    /// -Path of cmdlets that act on disks that are there.
    static func vhdPath(many: Bool, sets: [String] = []) -> Parameter {
        Parameter(
            "Path", .path, many ? "Files of virtual hard disks." : "File of a virtual hard disk.", aliases: ["FullName"], sets: sets,
            mandatory: true, position: 0, pipeline: [.byValue, .byPropertyName], many: many, completion: .path)
    }

    /// -AllowedParentPath, ours.
    static let allowedParentPath = Parameter(
        "AllowedParentPath", .path, "Parents outside their child's folder that may be opened.", many: true, completion: .path, ours: true)
}

extension Cmdlet {
    /// What all of them say about parents.
    static let parentRule =
        "A parent that a differencing disk names is opened where it lies in or below the child's folder; any other must be named."
}

extension Invocation {
    /// Works on disks with a progress bar; Ctrl-C stops the work between two pieces.
    func withDisks<Result>(_ activity: String, _ body: (DiskOperations) throws -> Result) throws -> Result {
        let invocation = self
        defer { terminal.progress(activity, fraction: nil) }
        do {
            return try context.host.withDisks(
                allowedParents: (list("AllowedParentPath") ?? []).map(\.text),
                progress: { fraction in
                    invocation.terminal.progress(activity, fraction: fraction)
                    return (try? invocation.checkCancelled()) != nil
                }, body)
        } catch let error as DiskOperationError where error.code == .stopped {
            try checkCancelled()
            throw error
        }
    }

    /// Acts on each file of -Path: a failure is reported and the next one follows.
    func forEachDisk(_ action: String, _ body: (String) throws -> Void) throws {
        for value in list("Path") ?? [] {
            do {
                let path = DiskOperations.absolutePath(value.text)
                guard try shouldProcess(path, action) else { continue }
                try body(path)
            } catch {
                try report(error)
            }
        }
    }

    /// The disk in that file as an object, once it is known to be one.
    func emitDisk(_ path: String) throws {
        let disk = ComponentObject.virtualHardDisk(path, context.host)
        _ = try disk.snapshot()
        try emit(.object(disk))
    }

    /// The same, when -Passthru asks for it.
    func passthruDisk(_ path: String) throws {
        if isOn("Passthru") { try emitDisk(path) }
    }
}
