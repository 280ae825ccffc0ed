import Management
import Storage

extension Cmdlet {
    /// `Optimize-VHD`.
    static let optimizeVHD = Cmdlet(
        "Optimize", "VHD", synopsis: "Makes the files of dynamic virtual hard disks smaller.",
        details:
            "Full and Prezeroed look for blocks that hold only zeros; the other modes let go what is known to be unused and read no content. The disk's content stays as it is. Any image of a chain can be optimized by itself, a checkpoint's too, as long as no running machine has it open: stop the machine first.",
        departures: ["The guest's file systems are not read: room that a guest freed goes when it was discarded (fstrim) or zeroed."],
        sets: [.init("Default", shape: .passthru(["Path"]))],
        parameters: [
            .vhdPath(many: true),
            Parameter(
                "Mode", .enumeration("VhdCompactMode", ["Full", "Quick", "Retrim", "Pretrimmed", "Prezeroed"]),
                "How to look for unused room.", default: .string("Full")), .asJob, .passthru,
        ] + Parameter.remote(sets: []),
        output: "VirtualHardDisk",
        examples: [
            Example("Optimize-VHD web01.vhdx -Mode Full", "Gives unused room back to the host."),
            Example("Get-VMFile web01 -Kind Disk, Image | Optimize-VHD", "Every image under the disks of web01, which is off."),
        ],
        shouldProcess: true,
        body: .perCall { invocation in
            let mode = invocation.string("Mode").flatMap { DiskOperations.CompactMode(rawValue: $0) } ?? .full
            let plan: (String) throws -> [FileStep] = { path in
                let information = try invocation.withDisks("Looking at \(path)") { try $0.information(path) }
                guard information.kind != .fixed else { return [.remark("is a fixed disk, which keeps its room")] }
                let search =
                    mode == .full || mode == .prezeroed
                    ? "reads every block and gives back those that hold only zeros"
                    : "gives back what is known to be unused; reads no content"
                return [.remark("\(search); the file has \(SizeText.about(information.fileSize)), what the disk holds stays as it is")]
            }
            try invocation.forEachDisk("Optimize-VHD", plan: plan) { path in
                try invocation.withDisks("Optimizing \(path)") { try $0.compact(path, mode: mode) }
                try invocation.passthruDisk(path)
            }
        })
}
