import Glibc

/// Files and folders that a path may go on with.
enum PathCompletion {
    private static let limit = 5000

    static func candidates(_ word: String) -> [Candidate] {
        let slash = word.lastIndex(of: "/")
        let shown = slash.map { String(word[...$0]) } ?? ""
        let prefix = slash.map { String(word[word.index(after: $0)...]) } ?? word
        guard let folder = opendir(shown.isEmpty ? "." : expanded(shown)) else { return [] }
        defer { closedir(folder) }
        var found: [Candidate] = []
        while let entry = readdir(folder), found.count < limit {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            // Letter case matters in names of files.
            guard name.hasPrefix(prefix), name != ".", name != "..", !name.hasPrefix(".") || prefix.hasPrefix(".") else { continue }
            guard !name.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) else { continue }
            let path = (shown.isEmpty ? "" : expanded(shown)) + name
            var status = stat()
            let isFolder = stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
            let text = shown + name + (isFolder ? "/" : "")
            found.append(Candidate(text, label: name + (isFolder ? "/" : ""), isWhole: !isFolder))
        }
        return found.sorted(by: Completer.byName)
    }

    private static func expanded(_ path: String) -> String {
        guard path.hasPrefix("~/"), let home = getenv("HOME") else { return path }
        return String(cString: home) + path.dropFirst()
    }
}
