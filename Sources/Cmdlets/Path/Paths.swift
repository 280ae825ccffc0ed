import Glibc

extension Cmdlet {
    /// `Test-Path`.
    static let testPath = Cmdlet(
        "Test", "Path", synopsis: "Tells whether a file or folder is there.",
        sets: [.init("Default", shape: .computed("one Boolean; a list for a list of paths") { $0.isList("Path") ? .many : .one })],
        parameters: [
            Parameter(
                "Path", .path, "Files or folders.", aliases: ["LiteralPath"], mandatory: true, position: 0,
                pipeline: [.byValue, .byPropertyName],
                many: true, completion: .path),
            Parameter(
                "PathType", .enumeration("TestPathType", ["Any", "Container", "Leaf"]),
                "Any, Container (a folder) or Leaf (anything else).",
                aliases: ["Type"], default: .string("Any")),
        ],
        output: "Boolean",
        examples: [Example("if Test-Path /boot/vmlinuz then Write-Host found end", "Whether the host's kernel is where it usually is.")],
        body: .perCall { invocation in
            for path in invocation.list("Path") ?? [] {
                var status = stat()
                let exists = stat(path.text, &status) == 0
                let isFolder = exists && status.st_mode & S_IFMT == S_IFDIR
                let wanted = invocation.string("PathType")
                try invocation.emit(.boolean(wanted == "Container" ? isFolder : wanted == "Leaf" ? exists && !isFolder : exists))
            }
        })

    /// `Join-Path`.
    static let joinPath = Cmdlet(
        "Join", "Path", synopsis: "Joins a folder and a name.", sets: [.init("Default", shape: .one)],
        parameters: [
            Parameter("Path", .path, "The folder.", mandatory: true, position: 0, completion: .path),
            Parameter("ChildPath", .string, "The name.", mandatory: true, position: 1),
        ],
        output: "String",
        examples: [Example("Join-Path /srv/vm web01", "/srv/vm/web01.")],
        body: .perCall { invocation in
            var folder = invocation.string("Path") ?? ""
            while folder.count > 1, folder.hasSuffix("/") { folder.removeLast() }
            let name = (invocation.string("ChildPath") ?? "").drop { $0 == "/" }
            try invocation.emit(.string(folder + (folder.hasSuffix("/") ? "" : "/") + name))
        })

    /// `Split-Path`.
    static let splitPath = Cmdlet(
        "Split", "Path", synopsis: "Gets the folder of a path, or its last part.", sets: [.init("Default", shape: .one)],
        parameters: [
            Parameter("Path", .path, "The path.", mandatory: true, position: 0, completion: .path),
            Parameter("Parent", .switched, "Gives the folder, as without any switch."),
            Parameter("Leaf", .switched, "Gives the last part."),
        ],
        output: "String",
        examples: [Example("Split-Path /srv/vm/web01 -Leaf", "web01.")],
        body: .perCall { invocation in
            var path = invocation.string("Path") ?? ""
            while path.count > 1, path.hasSuffix("/") { path.removeLast() }
            guard let slash = path.lastIndex(of: "/") else { return try invocation.emit(.string(invocation.isOn("Leaf") ? path : "")) }
            let folder = slash == path.startIndex ? "/" : String(path[..<slash])
            try invocation.emit(.string(invocation.isOn("Leaf") ? String(path[path.index(after: slash)...]) : folder))
        })
}
