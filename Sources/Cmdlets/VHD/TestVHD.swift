import Management
import Storage

extension Cmdlet {
    /// `Test-VHD`.
    static let testVHD = Cmdlet(
        "Test", "VHD", synopsis: "Tells whether virtual hard disk files, with all their parents, are usable.",
        details: "$false comes with a warning that says what is wrong. A file that is missing or in use is an error. " + parentRule,
        sets: [
            .init(
                "ExistingVHD", isDefault: true,
                shape: .computed("one Boolean; a list for a list of paths") { $0.isList("Path") ? .many : .one }),
            .init("SharedDisk", shape: .one),
        ],
        parameters: [
            .vhdPath(many: true),
            Parameter(
                "SupportPersistentReservations", .switched, "Asks for shared disks.", aliases: ["ShareVirtualDisk"], sets: ["SharedDisk"],
                mandatory: true, effect: .refused("a disk belongs to one virtual machine; there are no shared disks")), .allowedParentPath,
        ] + Parameter.remote(sets: []),
        output: "Boolean",
        examples: [Example("if Test-VHD web01.avhdx then Write-Host good end", "Whether the disk and its parents can be used.")],
        body: .perCall { invocation in
            for value in invocation.list("Path") ?? [] {
                do {
                    let path = DiskOperations.absolutePath(value.text)
                    let problems = try invocation.withDisks("Looking at \(path)") {
                        try $0.problems(DiskFormat.isSet(fileName: path) ? DiskSet(path).activePath : path)
                    }
                    for problem in problems { invocation.warn(problem) }
                    try invocation.emit(.boolean(problems.isEmpty))
                } catch {
                    try invocation.report(error)
                }
            }
        })
}
