import Basics
import Glibc
import Management

extension Cmdlet {
    /// `Copy-VMFile`.
    static let copyVMFile = Cmdlet(
        "Copy", "VMFile", synopsis: "Copies a file of this host into virtual machines.",
        details:
            "The machine must run, its Guest Service Interface must be on (Enable-VMIntegrationService 'Guest Service Interface' NAME) and the guest's copy daemon must run. -DestinationPath names the file, not only its folder.",
        sets: [.init("Name", isDefault: true, shape: .nothing), .init("VMObject", shape: .nothing)],
        parameters: [
            Parameter(
                "Name", .name(of: "VirtualMachine"), "Names of virtual machines; wildcards are accepted.", aliases: ["VMName"],
                sets: ["Name"], mandatory: true, position: 0, many: true, wildcards: true, completion: .vmName),
            .vm(),
            Parameter("SourcePath", .path, "The file.", mandatory: true, position: 1, pipeline: .byValue, completion: .path),
            Parameter("DestinationPath", .string, "Absolute path of the file in the guest.", mandatory: true, position: 2),
            Parameter("FileSource", .enumeration("CopyFileSourceType", ["Host"]), "Host: from this host.", mandatory: true),
            Parameter("CreateFullPath", .switched, "Makes folders that are missing."),
            .force("Replaces a file that is there."), .asJob,
        ] + Parameter.remote(sets: ["Name"]),
        examples: [
            Example(
                "Copy-VMFile web01 -SourcePath ./site.tar -DestinationPath /srv/site.tar -FileSource Host -CreateFullPath",
                "Copies an archive into web01.")
        ],
        shouldProcess: true,
        body: .perTarget(parameters: ["Name", "VM"]) { invocation, target in
            let machine = try target.virtualMachine()
            let source = invocation.string("SourcePath") ?? ""
            let terminal = invocation.terminal
            let activity = "Copying \(source) to \(machine.name)"
            var status = stat()
            let total = stat(source, &status) == 0 ? Int64(status.st_size) : nil
            defer { terminal.endProgress(activity) }
            try machine.copyFile(
                from: source, to: invocation.string("DestinationPath") ?? "", createsFolders: invocation.isOn("CreateFullPath"),
                overwrites: invocation.isOn("Force"), isCancelled: { (try? invocation.checkCancelled()) == nil },
                progress: { terminal.show(Progress(activity, fraction: $0, total: total)) })
        })
}
