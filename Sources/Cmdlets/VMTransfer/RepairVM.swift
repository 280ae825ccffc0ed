import Management

extension Cmdlet {
    /// `Repair-VM`.
    static let repairVM = Cmdlet(
        "Repair", "VM", synopsis: "Gives an export the files that it lacks.",
        details:
            "Files that Compare-VM found missing or not what they were are looked for in -Path, and memory of checkpoints in -SnapshotFilePath, too: under their paths in an export, or by their names. What has the size and the hash that the export says is copied to its place; then it is no incompatibility any more. The other incompatibilities are mended by cmdlets on the report's VM.",
        departures: ["The export's own folder is mended, not the machine that Import-VM makes of it."],
        sets: [
            .init("Default", shape: .computed("one with -Passthru") { $0.isOn("Passthru") ? .one : .nothing })
        ],
        parameters: [
            Parameter(
                "CompatibilityReport", .object("VMCompatibilityReport"), "A report of Compare-VM.", mandatory: true, position: 0,
                pipeline: .byValue),
            Parameter(
                "SnapshotFilePath", .path, "A folder that has memory of checkpoints.",
                aliases: ["CheckpointFileLocation", "SnapshotFileLocation"], completion: .path),
            Parameter("Path", .path, "A folder that has any of the files.", completion: .path), .passthru,
        ],
        output: "VMCompatibilityReport",
        examples: [
            Example(
                "$report = Compare-VM /srv/exports/web01; Repair-VM $report -Path /srv/backup/web01; Import-VM -CompatibilityReport $report",
                "Imports an export whose damaged files are whole in a backup.")
        ],
        shouldProcess: true,
        body: .perCall { invocation in
            let given = invocation.list("CompatibilityReport") ?? []
            let report = try CompatibilityReportObject.of(given.first, "Repair-VM")
            let (path, memory) = (invocation.string("Path"), invocation.string("SnapshotFilePath"))
            guard path != nil || memory != nil else {
                throw ErrorRecord(
                    "Repair-VM needs a folder with the files that are missing.", "MissingMandatoryParameter", .invalidArgument,
                    action: "Write -Path, or -SnapshotFilePath for memory of checkpoints.", cmdlet: "Repair-VM")
            }
            guard try invocation.shouldProcess(report.path, "Repair-VM") else { return }
            let mended = try invocation.withTransferProgress("Repairing \(report.path)") { isCancelled, progress in
                try report.repair(from: path, memoryFrom: memory, isCancelled: isCancelled, progress: progress)
            }
            for path in mended { invocation.verbose("“\(path)” is whole again.") }
            if mended.isEmpty { invocation.warn("Repair-VM: nothing that “\(report.path)” lacks was found there.") }
            if invocation.isOn("Passthru"), let value = given.first { try invocation.emit(value) }
        })
}
