import Basics
import Glibc

/// What `--restricted` leaves of the host's files: cmdlets that write, delete or attach take paths in the store and the script's folder only.
struct PathRestriction {
    /// Folders, with all below them.
    var folders: [String]

    /// Verbs that only look at files.
    private static let readingVerbs: Set<String> = ["Get", "Test", "Join", "Split", "Resolve", "Import", "Select", "Compare", "Measure"]

    /// Reading verbs whose files become a machine's own.
    private static let attachingCmdlets: Set<String> = ["Import-VM", "Compare-VM"]

    /// Refuses a call whose paths lead elsewhere. Symbolic links are followed before that is decided.
    func check(_ cmdlet: Cmdlet, _ arguments: BoundArguments) throws {
        guard !Self.readingVerbs.contains(cmdlet.verb) || Self.attachingCmdlets.contains(cmdlet.name) else { return }
        for parameter in cmdlet.parameters where arguments.isGiven(parameter.name) {
            guard case .path = parameter.type else { continue }
            // Copy-VMFile only reads what it gives to a guest.
            if cmdlet.name == "Copy-VMFile", parameter.name == "SourcePath" { continue }
            for path in (arguments[parameter.name]?.elements ?? []).map(\.text) where !path.isEmpty && !allows(path) {
                throw ErrorRecord(
                    "\(cmdlet.name) -\(parameter.name) “\(path)” lies outside of the store and the script's folder, which --restricted forbids.",
                    "PathRestricted", .permissionDenied, target: path,
                    action: "Use a path below \(folders.map { "“\($0)”" }.joined(separator: " or ")).",
                    cmdlet: cmdlet.name)
            }
        }
    }

    /// True for a path in one of the folders.
    func allows(_ path: String) -> Bool {
        let place = Self.resolved(path)
        guard !place.isEmpty else { return false }
        return folders.map(Self.resolved).filter { !$0.isEmpty }.contains { place == $0 || place.hasPrefix($0 == "/" ? "/" : $0 + "/") }
    }

    /// The path without symbolic links, `.` and `..`; what does not exist yet is taken as it is spelled, and may not climb.
    private static func resolved(_ path: String) -> String {
        var existing = path.isEmpty ? "." : path
        var rest: [Substring] = []
        while true {
            if let found = realpath(existing, nil) {
                defer { free(found) }
                let base = String(cString: found)
                // `..` behind something that is not there: nobody can say where that leads.
                if rest.contains("..") { return "" }
                let tail = rest.filter { $0 != "." }.joined(separator: "/")
                return tail.isEmpty ? base : (base == "/" ? "/" : base + "/") + tail
            }
            // A symbolic link to nothing, or one that cannot be followed, leads to an unknown place.
            var status = stat()
            if lstat(existing, &status) == 0 { return "" }
            var parts = existing.split(separator: "/")
            guard let last = parts.popLast() else { return "" }
            rest.insert(Substring(String(last)), at: 0)
            existing = existing.hasPrefix("/") ? "/" + parts.joined(separator: "/") : parts.isEmpty ? "." : parts.joined(separator: "/")
        }
    }
}

extension Invocation {
    /// Refuses a file that no parameter named, where `--restricted` forbids to change it.
    func checkWritable(_ path: String) throws {
        guard let folders = context.writableFolders, !PathRestriction(folders: folders).allows(path) else { return }
        throw ErrorRecord(
            "\(cmdlet.name): “\(path)” lies outside of the store and the script's folder, which --restricted forbids.", "PathRestricted",
            .permissionDenied, target: path, cmdlet: cmdlet.name)
    }
}
