import Management
import Storage

extension Cmdlet {
    /// `Merge-VHD`.
    static let mergeVHD = Cmdlet(
        "Merge", "VHD", synopsis: "Merges a differencing disk into one of its parents.",
        details:
            "The disk, and those between it and the destination, are removed when all of their content is safely in the destination. Stopped before, the merge can simply be done again. Other children of the destination lose their parent. "
            + parentRule + " -DestinationPath names one.",
        sets: [.init("Default", shape: .passthru(["Path"]))],
        parameters: [
            .vhdPath(many: false),
            Parameter("DestinationPath", .path, "The parent to merge into; the nearest unless given.", position: 1, completion: .path),
            .force(), .allowedParentPath, .asJob, .passthru,
        ] + Parameter.remote(sets: []),
        output: "VirtualHardDisk",
        examples: [
            Example("Merge-VHD web01.avhdx -Force", "Writes the changes into the parent and removes web01.avhdx."),
            Example("Merge-VHD -Path c.vhdx -DestinationPath a.vhdx -Force", "Merges c and b, which lies between, into a."),
        ],
        shouldProcess: true, confirms: .byBody,
        body: .perCall { invocation in
            let destination = invocation.string("DestinationPath").map { DiskOperations.absolutePath($0) }
            let plan: (String) throws -> [FileStep] = { path in
                let chain = try invocation.withDisks("Looking at \(path)") { try $0.chain(of: path) }
                guard chain.count > 1 else { return [] }
                let end = destination.flatMap { wanted in chain.firstIndex { $0.path == wanted } } ?? 1
                let gone = chain[..<end]
                for image in gone { try invocation.context.host.checkUnneeded(image.path, goes: true) }
                try invocation.context.host.checkUnneeded(chain[end].path)
                return gone.map { FileStep.merge($0.path, into: chain[end].path, bytes: $0.fileSize) }
                    + gone.map { .delete($0.path, bytes: $0.fileSize) }
            }
            try invocation.forEachDisk("Merge-VHD", plan: plan) { path in
                let into = destination ?? "its parent"
                guard try invocation.isOn("Force") || invocation.confirm("\(path) will be merged into \(into) and removed.") else { return }
                let result = try invocation.withDisks("Merging \(path)", source: path) { disks in
                    let parent = try destination ?? disks.information(path).parentPath
                    try disks.merge(path, into: destination)
                    return parent
                }
                if let result { try invocation.passthruDisk(result) }
            }
        })
}
