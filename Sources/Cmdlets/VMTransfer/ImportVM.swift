import Management

extension Cmdlet {
    /// `Import-VM`.
    static let importVM = Cmdlet(
        "Import", "VM", synopsis: "Takes a virtual machine from a folder into the store.",
        details:
            "-Path is a folder that Export-VM made, or one of VHD and VHDX files with a description (get-help about_Export). Every file is compared with its hash before the machine is there. Without -Copy the files stay where they are and belong to the machine from then on. Where something stands in the way, Compare-VM gives a report that can be mended.",
        departures: [
            "Copies of disks go into a folder of the machine's name in the host's folder for disks unless -VhdDestinationPath says otherwise.",
            "-VirtualMachinePath is refused: configurations lie in the store.",
        ],
        sets: [
            .init("Register", isDefault: true, shape: .one), .init("Copy", shape: .one), .init("CompatibilityReport", shape: .one),
        ],
        parameters: Parameter.importSource
            + [
                Parameter(
                    "Register", .switched, "Leaves the files where they are, which is what happens without it too.", sets: ["Register"])
            ] + Parameter.importCopy + [.compatibilityReport, .asJob] + Parameter.remote(sets: ["Register", "Copy"]),
        output: "VirtualMachine",
        examples: [
            Example("Import-VM /srv/exports/web01", "web01 runs from that folder from now on."),
            Example("Import-VM /srv/exports/web01 -Copy -GenerateNewId", "A machine of its own, whose files are copies."),
            Example("Compare-VM /srv/exports/web01 | Import-VM", "Imports it if nothing stands in the way."),
        ],
        shouldProcess: true,
        body: .perCall { invocation in
            let host = invocation.context.host
            let report = try invocation.list("CompatibilityReport").map { try CompatibilityReportObject.of($0.first, "Import-VM") }
            let path = report?.path ?? invocation.string("Path") ?? ""
            let plan = { try report.map { try host.planImport($0) } ?? host.planImport(path, invocation.importOptions) }
            guard try invocation.shouldProcess(try plan().plan(for: path), "Import-VM") else { return }
            let machine = try invocation.withTransferProgress("Importing \(path)") { isCancelled, progress in
                if let report { return try host.importMachine(report, isCancelled: isCancelled, progress: progress) }
                return try host.importMachine(path, invocation.importOptions, isCancelled: isCancelled, progress: progress)
            }
            try invocation.emit(.object(VirtualMachineObject(machine)))
        })
}

extension Parameter {
    static let importSource: [Parameter] = [
        Parameter(
            "Path", .path, "The folder, or a document in it.", sets: ["Register", "Copy"], mandatory: true, position: 0, pipeline: .byValue,
            completion: .path)
    ]

    static let importCopy: [Parameter] = [
        Parameter("Copy", .switched, "Copies the files.", sets: ["Copy"], mandatory: true),
        Parameter(
            "VhdDestinationPath", .path, "The folder for copies of disks.", sets: ["Copy"], position: 1, completion: .path),
        Parameter(
            "VirtualMachinePath", .path, "The folder for its configuration.", sets: ["Copy"],
            effect: .refused("configurations lie in the store; choose another store with --store")),
        Parameter(
            "SnapshotFilePath", .path, "The folder for copies of checkpoints' memory.",
            aliases: ["CheckpointFileLocation", "SnapshotFileLocation"], sets: ["Copy"], completion: .path),
        Parameter(
            "SmartPagingFilePath", .path, "The folder for a paging file.", sets: ["Copy"], effect: .noEffect("there is no smart paging")),
        Parameter(
            "VhdSourcePath", .path, "Where the disks of the export lie, when they are not in its folder.", sets: ["Copy"],
            completion: .path),
        Parameter("GenerateNewId", .switched, "Gives it an id and MAC addresses of its own.", sets: ["Copy"]),
    ]

    static let compatibilityReport = Parameter(
        "CompatibilityReport", .object("VMCompatibilityReport"), "A report of Compare-VM.", sets: ["CompatibilityReport"], mandatory: true,
        position: 0, pipeline: .byValue)
}

extension Invocation {
    var importOptions: ImportOptions {
        var options = ImportOptions()
        options.copies = isOn("Copy")
        options.generatesNewId = isOn("GenerateNewId")
        options.diskDestination = string("VhdDestinationPath")
        options.diskSource = string("VhdSourcePath")
        options.memoryDestination = string("SnapshotFilePath")
        return options
    }
}
