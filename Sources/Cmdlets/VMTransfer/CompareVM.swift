import Management

extension Cmdlet {
    /// `Compare-VM`.
    static let compareVM = Cmdlet(
        "Compare", "VM", synopsis: "Says what stands in the way of importing a virtual machine.",
        details:
            "The report's VM is the planned machine: Rename-VM, Set-VM, Set-VMMemory, Connect- and Disconnect-VMNetworkAdapter, Set- and Remove-VMHardDiskDrive and their kin change it in memory. Its Incompatibilities are looked for anew at each read, so they go when they are mended, there or in the world; each has a Source that can be piped to such a cmdlet. Import-VM -CompatibilityReport takes the report then. Every file of an export is read.",
        departures: [
            "MessageId is the identifier of this program's error, not a number.",
            "Comparing with another host (-DestinationHost) is refused: there is no migration yet.",
        ],
        sets: [
            .init("NameSingleDestination", shape: .one), .init("VMSingleDestination", shape: .one),
            .init("NameSingleDestinationAndCimSession", shape: .one), .init("VMSingleDestinationAndCimSession", shape: .one),
            .init("Register", isDefault: true, shape: .one), .init("Copy", shape: .one),
            .init("CompatibilityReport", shape: .one),
        ],
        parameters: migration + Parameter.importSource + [Parameter("Register", .switched, "As for Import-VM.", sets: ["Register"])]
            + Parameter.importCopy
            + [.compatibilityReport, .asJob] + Parameter.remote(sets: ["Register", "Copy"]),
        output: "VMCompatibilityReport",
        examples: [
            Example("(Compare-VM /srv/exports/web01).Incompatibilities", "What stands in the way."),
            Example(
                "$report = Compare-VM /srv/exports/web01; Disconnect-VMNetworkAdapter -VMNetworkAdapter $report.VM.NetworkAdapters; Import-VM -CompatibilityReport $report",
                "Imports it without its networks."),
        ],
        shouldProcess: true,
        body: .perCall { invocation in
            let host = invocation.context.host
            if let given = invocation.list("CompatibilityReport") {
                _ = try CompatibilityReportObject.of(given.first, "Compare-VM")
                return try invocation.emit(given.first ?? .null)
            }
            let path = invocation.string("Path") ?? ""
            guard try invocation.shouldProcess(path, "Compare-VM") else { return }
            let report = try invocation.withTransferProgress("Reading \(path)") { isCancelled, progress in
                try host.compare(path, invocation.importOptions, isCancelled: isCancelled, progress: progress)
            }
            try invocation.emit(.object(CompatibilityReportObject(report)))
        })

    /// What the module compares a machine with another host by.
    private static var migration: [Parameter] {
        let byName = ["NameSingleDestination", "NameSingleDestinationAndCimSession"]
        let byObject = ["VMSingleDestination", "VMSingleDestinationAndCimSession"]
        let any = byName + byObject
        let effect = Parameter.Effect.refused("there is no migration yet; -Path looks at an export")
        return [
            Parameter(
                "Name", .string, "A machine to move.", sets: byName, mandatory: true, position: 0, pipeline: .byValue, effect: effect),
            Parameter(
                "VM", .object("VirtualMachine"), "The machine to move.", sets: byObject, mandatory: true, position: 0, pipeline: .byValue,
                effect: effect),
            Parameter(
                "DestinationHost", .string, "The host to move it to.", sets: [byName[0], byObject[0]], mandatory: true, position: 1,
                effect: effect),
            Parameter(
                "DestinationCimSession", .string, "A session with that host.", sets: [byName[1], byObject[1]], mandatory: true, position: 1,
                effect: effect),
            Parameter("DestinationCredential", .string, "Who one is there.", sets: any, effect: effect),
            Parameter("IncludeStorage", .switched, "Moves the disks, too.", sets: any, effect: effect),
            Parameter("DestinationStoragePath", .path, "Where the disks go to.", sets: any, effect: effect),
            Parameter("Vhds", .table, "Where each disk goes to.", sets: any, many: true, effect: effect),
            Parameter("ResourcePoolName", .string, "The pool of processors there.", sets: any, effect: effect),
            Parameter("RetainVhdCopiesOnSource", .switched, "Keeps parents' images.", sets: any, effect: effect),
        ]
    }
}
