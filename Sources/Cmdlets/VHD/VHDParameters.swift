import Glibc
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
    /// Works on disks with a progress bar; Ctrl-C stops the work between two pieces. `source`: the file whose bytes are what there is to
    /// do.
    func withDisks<Result>(_ activity: String, source: String? = nil, _ body: (DiskOperations) throws -> Result) throws -> Result {
        let invocation = self
        let total = source.flatMap { path in
            var status = stat()
            // What a sparse file does not have is not copied.
            return stat(path, &status) == 0 ? Int64(status.st_blocks) * 512 : nil
        }
        defer { terminal.endProgress(activity) }
        do {
            return try context.host.withDisks(
                allowedParents: (list("AllowedParentPath") ?? []).map(\.text),
                progress: { fraction in
                    invocation.terminal.show(Progress(activity, fraction: fraction, total: total))
                    return (try? invocation.checkCancelled()) != nil
                }, body)
        } catch let error as DiskOperationError where error.code == .stopped {
            try checkCancelled()
            throw error
        }
    }

    /// A plan without steps, for `forEachDisk`, that refuses images which others stand on.
    func checkingUnneeded(goes: Bool = false) -> (String) throws -> [FileStep] {
        { path in
            try self.context.host.checkUnneeded(path, goes: goes)
            return []
        }
    }

    /// Acts on each file of -Path: a failure is reported and the next one follows.
    func forEachDisk(
        _ action: String, plan: (String) throws -> [FileStep] = { _ in [] }, _ body: (String) throws -> Void
    ) throws {
        for value in list("Path") ?? [] {
            do {
                let path = DiskOperations.absolutePath(value.text)
                guard try shouldProcess(try plan(path).plan(for: path), action) else { continue }
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
