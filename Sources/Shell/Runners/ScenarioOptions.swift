import Glibc

/// What `lunavisor test` is asked for.
public struct ScenarioOptions: Sendable {
    /// Files, and folders whose `*.lua` files are meant.
    public var paths: [String] = []
    /// Files that run at once.
    public var jobs = 1
    /// Only cases with one of these `#words` in their names.
    public var tags: [String] = []
    /// Only cases whose names hold this text or match it as a regular expression.
    public var filter: String?
    /// Names the cases and runs none.
    public var lists = false
    /// How often each file runs.
    public var repeats = 1
    /// Where `math.random` begins in each case; nil: somewhere else each time.
    public var seed: UInt32?
    /// The architecture of machines that say none; nil: the usual one.
    public var architecture: String?
    /// Files that receive the results; `-` is standard output.
    public var tap: String?
    public var junit: String?
    /// The folder for what failed cases leave; nil: a new one among the temporary files.
    public var keep: String?
    /// In the process of one file: the descriptor that hears of its cases.
    public var reportsTo: Int32?
    public init() {}

    /// The files: a file as it is; a folder's scripts, sorted.
    var files: [String] { paths.flatMap(Self.files) }

    private static func files(_ path: String) -> [String] {
        guard let folder = opendir(path) else { return [path] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(".lua") { names.append(name) }
        }
        return names.sorted().map { path.hasSuffix("/") ? path + $0 : "\(path)/\($0)" }
    }

    /// The arguments of the process that runs `file`, the descriptor 3 being its report's.
    func arguments(for file: String, seed: UInt32) -> [String] {
        var words = ["--reports-to", "3", "--seed", String(seed)]
        for tag in tags { words += ["--tag", tag] }
        if let filter { words += ["--filter", filter] }
        if lists { words.append("--list") }
        if let keep { words += ["--keep", keep] }
        if let architecture { words += ["--architecture", architecture] }
        return words + ["--", file]
    }

    /// What a user types to run one case again.
    func command(file: String, name: String?, seed: UInt32) -> String {
        let filter = name.map { " --filter \(Self.quoted($0))" } ?? ""
        let architecture = architecture.map { " --architecture \($0)" } ?? ""
        return "lunavisor test --seed \(seed)\(architecture)\(filter) \(Self.quoted(file))"
    }

    /// A word as shells take it.
    private static func quoted(_ word: String) -> String {
        let plain = word.utf8.allSatisfy { byte in
            byte >= 0x30 && byte <= 0x39 || byte >= 0x41 && byte <= 0x5a || byte >= 0x61 && byte <= 0x7a || "/._-+".utf8.contains(byte)
        }
        if plain, !word.isEmpty, !word.hasPrefix("-") { return word }
        return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
