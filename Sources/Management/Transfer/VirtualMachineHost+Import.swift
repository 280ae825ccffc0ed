import Basics
import Glibc
import Persistence
import Storage

extension VirtualMachineHost {
    /// Looks at what a folder would become as a VM here, and what stands in the way, a newer program that wrote it included. Reads every
    /// file of an export.
    ///
    /// Errors, beside those of reading: `ExportNotFound`, `ExportUnreadable`.
    public func compare(
        _ path: String, _ options: ImportOptions = ImportOptions(), isCancelled: @escaping @Sendable () -> Bool = { false },
        progress: @escaping @Sendable (Double, UInt64) -> Void = { _, _ in }
    ) throws -> CompatibilityReport {
        try CompatibilityReport(
            path, options, host: self, hashing: true, keepsRefusal: true, isCancelled: isCancelled, progress: progress)
    }

    /// Imports a VM from a folder. All files are compared with their hashes first or, where they are copied, on the way; the VM then appears
    /// in the store by one rename. On an error nothing is left of what was copied.
    ///
    /// Errors: what `compare` throws, and what its report names.
    public func importMachine(
        _ path: String, _ options: ImportOptions = ImportOptions(), isCancelled: @escaping @Sendable () -> Bool = { false },
        progress: @escaping @Sendable (Double, UInt64) -> Void = { _, _ in }
    ) throws -> VirtualMachine {
        let report = try CompatibilityReport(
            path, options, host: self, hashing: !options.copies, isCancelled: isCancelled, progress: progress)
        return try importMachine(report, isFresh: true, isCancelled, progress)
    }

    /// Imports what a report has found to fit. Throws the first incompatibility that is left.
    public func importMachine(
        _ report: CompatibilityReport, isCancelled: @escaping @Sendable () -> Bool = { false },
        progress: @escaping @Sendable (Double, UInt64) -> Void = { _, _ in }
    ) throws -> VirtualMachine {
        try importMachine(report, isFresh: false, isCancelled, progress)
    }

    /// What `importMachine` would do to files, without a look at what is in them. Throws the first incompatibility.
    public func planImport(_ path: String, _ options: ImportOptions = ImportOptions()) throws -> [FileStep] {
        try planImport(
            CompatibilityReport(path, options, host: self, hashing: false, isCancelled: { false }, progress: { _, _ in }))
    }

    /// The same for what a report has found to fit.
    public func planImport(_ report: CompatibilityReport) throws -> [FileStep] {
        try check(report)
        let name = report.configuration.name
        guard report.options.copies else { return [.remark("“\(name)” uses the files where they are")] }
        return ImportCopy.plan(report, store: try existingStore(), host: self)
    }

    private func importMachine(
        _ report: CompatibilityReport, isFresh: Bool, _ isCancelled: @escaping () -> Bool, _ progress: @escaping (Double, UInt64) -> Void
    ) throws -> VirtualMachine {
        try check(report)
        if !isFresh, !report.options.copies { try verify(report.source, isCancelled, progress) }
        var new = report.configuration
        connect(&new)
        (new.version, new.creationTime) = (VirtualMachineConfiguration.currentVersion, HostTime.wall())
        let store = try existingStore()
        let copy =
            report.options.copies
            ? try ImportCopy(report, &new, store: store, host: self, isCancelled: isCancelled, progress: progress) : nil
        let initiator = CurrentUser.initiator
        let event = VirtualMachineEvent(.created, message: "Imported from “\(report.path)” by \(initiator.user).", initiator: initiator)
        try store.locked {
            // Another command may have been quicker.
            try check(report)
            try store.create(new, event: event) { try copy?.move(into: $0) }
            copy?.keep()
        }
        progress(1, 0)
        return handle(new.id, name: new.name)
    }

    private func check(_ report: CompatibilityReport) throws {
        let found = try report.incompatibilities()
        guard let first = found.first else { return }
        let others = found.count > 1 ? " (and \(found.count - 1) more)" : ""
        throw ManagementError(
            first.identifier, .invalidOperation, "“\(report.configuration.name)” cannot be imported as it is: \(first.message)\(others)",
            action: "Compare-VM -Path gives a report whose machine can be changed, and which Import-VM -CompatibilityReport takes then.",
            target: report.path)
    }

    private func verify(_ source: ImportSource, _ isCancelled: @escaping () -> Bool, _ progress: @escaping (Double, UInt64) -> Void) throws
    {
        let transfer = FileTransfer(isCancelled: isCancelled)
        for file in source.files where file.sha256 != nil { try source.check(try transfer.transfer(try source.open(file)), file) }
    }
}
