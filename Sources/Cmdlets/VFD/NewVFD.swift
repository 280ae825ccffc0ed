import Storage

extension Cmdlet {
    /// `New-VFD`.
    static let newVFD = Cmdlet(
        "New", "VFD", synopsis: "Makes images of empty floppy disks (1.44 MB).",
        details: "The disk is not formatted. A file that is there is never replaced.",
        sets: [.init("Default", shape: .nothing)],
        parameters: [
            Parameter(
                "Path", .path, "Files to make.", mandatory: true, position: 0, pipeline: [.byValue, .byPropertyName], many: true,
                completion: .path)
        ] + Parameter.remote(sets: []),
        examples: [Example("New-VFD boot.vfd", "An empty floppy disk.")],
        shouldProcess: true,
        body: .perCall { invocation in
            try invocation.forEachDisk("New-VFD") { try DiskOperations().createFloppy($0) }
        })
}
