import Basics
import Glibc

extension Parameter {
    /// -Path of the cmdlets on files: names, wildcards, objects of Get-ChildItem.
    static func itemPath(_ summary: String = "Files or folders; wildcards are accepted.", mandatory: Bool = true) -> Parameter {
        Parameter(
            "Path", .path, summary, aliases: ["LiteralPath", "PSPath", "FullName"], mandatory: mandatory, position: 0,
            pipeline: [.byValue, .byPropertyName], many: true, wildcards: true, completion: .path)
    }
}

extension Cmdlet {
    /// `Resolve-Path`.
    static let resolvePath = Cmdlet(
        "Resolve", "Path", aliases: ["rvpa"], synopsis: "Gives the full path of what is there.",
        sets: [.init("Default", shape: .oneIfSingle(["Path"]))],
        parameters: [.itemPath(), Parameter("Relative", .switched, "Gives it from the current folder.")], output: "String",
        examples: [Example("Resolve-Path .", "The current folder.")],
        body: .perCall { invocation in
            let here = FilePaths.absolute(".")
            for path in try FilePaths.existing("Path", invocation) {
                let isBelow = path.hasPrefix(here == "/" ? "/" : here + "/")
                let relative = isBelow ? "./" + path.dropFirst(here == "/" ? 1 : here.count + 1) : path
                try invocation.emit(.string(invocation.isOn("Relative") ? relative : path))
            }
        })

    /// `Get-Item`.
    static let getItem = Cmdlet(
        "Get", "Item", aliases: ["gi"], synopsis: "Gets files and folders.",
        sets: [.init("Default", shape: .oneIfSingle(["Path"]))],
        parameters: [.itemPath(), Parameter("Force", .switched, "Hidden ones too, which are never left out here.")], output: "FileInfo",
        examples: [Example("(Get-Item /etc/hosts).LastWriteTime", "When the file was changed last.")],
        body: .perCall { invocation in
            for path in try FilePaths.existing("Path", invocation) { try invocation.emit(.object(FileItem(path))) }
        })

    /// `Get-ChildItem`.
    static let getChildItem = Cmdlet(
        "Get", "ChildItem", aliases: ["gci", "dir", "ls"], synopsis: "Lists what is in folders.",
        details: "Names that begin with a dot are left out unless -Force is given. Symbolic links are not followed with -Recurse.",
        sets: [.init("Default", shape: .many)],
        parameters: [
            .itemPath("Folders or files; without it the current folder.", mandatory: false),
            Parameter("Filter", .string, "Only names that match this wildcard.", position: 1, wildcards: true),
            Parameter("Include", .string, "Only names that match one of these wildcards.", many: true, wildcards: true),
            Parameter("Exclude", .string, "No names that match one of these wildcards.", many: true, wildcards: true),
            Parameter("Recurse", .switched, "What is in the folders within, too.", aliases: ["s"]),
            Parameter("Depth", .integer(0...1000), "How many folders deep; means -Recurse."),
            Parameter("File", .switched, "Files only.", aliases: ["af"]),
            Parameter("Directory", .switched, "Folders only.", aliases: ["ad"]),
            Parameter("Name", .switched, "Gives the names as strings."), Parameter("Force", .switched, "Hidden ones too."),
        ],
        output: "FileInfo",
        examples: [Example("Get-ChildItem /etc -Filter *.conf | Sort-Object Length -Descending | Select-Object -First 3", "The largest.")],
        body: .perCall { try FolderListing($0).run() })

    /// `New-Item`.
    static let newItem = Cmdlet(
        "New", "Item", aliases: ["ni"], synopsis: "Makes a file, a folder or a symbolic link.",
        details: "Folders that lead to it are made, too.", sets: [.init("Default", shape: .one)],
        parameters: [
            Parameter(
                "Path", .path, "Where.", mandatory: true, position: 0, pipeline: .byPropertyName, completion: .path),
            Parameter("Name", .string, "The name in the folder -Path.", pipeline: .byPropertyName),
            Parameter(
                "ItemType", .enumeration("ItemType", ["File", "Directory", "SymbolicLink"]), "What to make.", aliases: ["Type"],
                default: .string("File")),
            Parameter("Value", .any, "What the file holds; where the link leads.", aliases: ["Target"], pipeline: .byValue),
            Parameter("Force", .switched, "Replaces a file; a folder that is there is given."),
        ],
        output: "FileInfo",
        examples: [Example("New-Item lab/images -ItemType Directory | Out-Null", "A folder for disks.")],
        shouldProcess: true, body: .perCall { try FileChange($0).make() })

    /// `Remove-Item`.
    static let removeItem = Cmdlet(
        "Remove", "Item", aliases: ["ri", "rm", "del", "rmdir", "erase"], synopsis: "Deletes files and folders.",
        details: "A folder that is not empty needs -Recurse. Symbolic links are deleted, never followed.",
        departures: ["A folder that is not empty is an error without -Recurse; nothing is asked."],
        sets: [.init("Default", shape: .nothing)],
        parameters: [
            .itemPath(), Parameter("Recurse", .switched, "Folders with all that is in them."),
            Parameter("Force", .switched, "Read-only files too; nothing is said of what is not there."),
        ],
        examples: [Example("Remove-Item lab -Recurse -Force", "The folder and all that is in it.")],
        shouldProcess: true, body: .perCall { try FileChange($0).remove() })

    /// `Copy-Item`.
    static let copyItem = Cmdlet(
        "Copy", "Item", aliases: ["cp", "copy", "cpi"], synopsis: "Copies files and folders.",
        details: "Holes of sparse files stay holes.",
        sets: [.init("Default", shape: .computed("nothing; with -PassThru the copies") { $0.isOn("PassThru") ? .many : .nothing })],
        parameters: [
            .itemPath(), destination, Parameter("Recurse", .switched, "Folders with all that is in them."),
            Parameter("Force", .switched, "Replaces read-only files."),
            Parameter("PassThru", .switched, "Gives the copies."),
        ],
        output: "FileInfo",
        examples: [Example("Copy-Item golden.vhdx web01.vhdx", "A copy of a disk.")],
        shouldProcess: true, body: .perCall { try FileChange($0).copy() })

    /// `Move-Item`.
    static let moveItem = Cmdlet(
        "Move", "Item", aliases: ["mv", "move", "mi"], synopsis: "Moves or renames files and folders.",
        sets: [.init("Default", shape: .computed("nothing; with -PassThru what was moved") { $0.isOn("PassThru") ? .many : .nothing })],
        parameters: [
            .itemPath(), destination, Parameter("Force", .switched, "Replaces a file that is there."),
            Parameter("PassThru", .switched, "Gives what was moved."),
        ],
        output: "FileInfo",
        examples: [Example("Move-Item report.csv archive/", "Into a folder.")],
        shouldProcess: true, body: .perCall { try FileChange($0).move() })

    private static let destination = Parameter(
        "Destination", .path, "A folder that is there, or the new path.", mandatory: true, position: 1, pipeline: .byPropertyName,
        completion: .path)
}

/// The work of Get-ChildItem.
private struct FolderListing {
    let invocation: any Invocation
    private let include: [WildcardPattern]?
    private let exclude: [WildcardPattern]
    private let filter: WildcardPattern?
    private let deepest: Int

    init(_ invocation: any Invocation) {
        self.invocation = invocation
        include = invocation.list("Include")?.map { WildcardPattern($0.text, ignoringCase: false) }
        exclude = (invocation.list("Exclude") ?? []).map { WildcardPattern($0.text, ignoringCase: false) }
        filter = invocation.string("Filter").map { WildcardPattern($0, ignoringCase: false) }
        deepest = invocation.integer("Depth").map { Int($0) } ?? (invocation.isOn("Recurse") ? 1000 : 0)
    }

    func run() throws {
        guard invocation.isGiven("Path") else { return try list(FilePaths.absolute("."), 0, "") }
        for path in invocation.list("Path") ?? [] {
            for full in try FilePaths.expanded(path.text, invocation) {
                if !FilePaths.exists(full) {
                    try invocation.report(FilePaths.missing(path.text, "Get-ChildItem"))
                } else if FilePaths.isFolder(full), !WildcardPattern.isPattern(path.text) {
                    try list(full, 0, "")
                } else {
                    try give(full, FilePaths.name(full))
                    if deepest > 0, FilePaths.isFolder(full, followingLinks: false) { try list(full, 1, FilePaths.name(full) + "/") }
                }
            }
        }
    }

    private func list(_ folder: String, _ depth: Int, _ prefix: String) throws {
        let names: [String]
        do { names = try FilePaths.names(in: folder, cmdlet: "Get-ChildItem") } catch { return try invocation.report(error) }
        for name in names where !name.hasPrefix(".") || invocation.isOn("Force") {
            try invocation.checkCancelled()
            let path = FilePaths.join(folder, name)
            try give(path, prefix + name)
            if depth < deepest, FilePaths.isFolder(path, followingLinks: false) { try list(path, depth + 1, prefix + name + "/") }
        }
    }

    private func give(_ path: String, _ shown: String) throws {
        let name = FilePaths.name(path)
        if let filter, !filter.matches(name) { return }
        if let include, !include.contains(where: { $0.matches(name) }) { return }
        if exclude.contains(where: { $0.matches(name) }) { return }
        let isFolder = FilePaths.isFolder(path)
        if invocation.isOn("File"), isFolder { return }
        if invocation.isOn("Directory"), !isFolder { return }
        try invocation.emit(invocation.isOn("Name") ? .string(shown) : .object(FileItem(path)))
    }
}
