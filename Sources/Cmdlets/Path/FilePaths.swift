import Basics
import Glibc

/// Paths of this system: their parts, wildcards, folders.
enum FilePaths {
    /// The last part.
    static func name(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }

    /// All but the last part.
    static func folder(_ path: String) -> String {
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        guard let slash = path.lastIndex(of: "/") else { return "" }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    static func join(_ folder: String, _ name: String) -> String { folder + (folder.hasSuffix("/") ? "" : "/") + name }

    /// The path from the root, with `.` and `..` taken out; symbolic links stay.
    static func absolute(_ path: String) -> String {
        var full = path
        if path == "~" || path.hasPrefix("~/"), let home = getenv("HOME") { full = String(cString: home) + path.dropFirst() }
        if !full.hasPrefix("/") {
            var buffer = [CChar](repeating: 0, count: 4097)
            guard getcwd(&buffer, 4096) != nil else { return full }
            full = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) + "/" + full
        }
        var parts: [Substring] = []
        for part in full.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    /// What a path leads to when all links are followed; nil: there is nothing.
    static func real(_ path: String) -> String? {
        guard let found = realpath(path, nil) else { return nil }
        defer { free(found) }
        return String(cString: found)
    }

    static func exists(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    static func isFolder(_ path: String, followingLinks: Bool = true) -> Bool {
        var status = stat()
        return (followingLinks ? stat(path, &status) : lstat(path, &status)) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    static func linkTarget(_ path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = buffer.withUnsafeMutableBytes { bytes in
            bytes.withMemoryRebound(to: CChar.self) { characters in
                characters.baseAddress.map { readlink(path, $0, characters.count) } ?? -1
            }
        }
        return count >= 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }

    /// The names in a folder, sorted; throws what the system said.
    static func names(in folder: String, cmdlet: String) throws -> [String] {
        guard let stream = opendir(folder) else { throw TextFile.failure("read", folder, cmdlet) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// What a path with wildcards stands for, in order; one without stands for itself, whether it is there or not.
    static func expanded(_ path: String, _ invocation: any Invocation, isLiteral: Bool = false) throws -> [String] {
        let full = absolute(path)
        guard !isLiteral, WildcardPattern.isPattern(path), !exists(full) else { return [full] }
        var found = ["/"]
        for part in full.split(separator: "/").map(String.init) {
            guard WildcardPattern.isPattern(part) else {
                found = found.map { join($0, part) }.filter(exists)
                continue
            }
            let pattern = WildcardPattern(part, ignoringCase: false)
            var next: [String] = []
            for folder in found where isFolder(folder) {
                try invocation.checkCancelled()
                let names = (try? names(in: folder, cmdlet: invocation.cmdlet.name)) ?? []
                next += names.filter { pattern.matches($0) && (!$0.hasPrefix(".") || part.hasPrefix(".")) }.map { join(folder, $0) }
            }
            found = next
        }
        return found
    }

    /// As `expanded`, but what is not there is reported; wildcards that match nothing are nothing.
    static func existing(_ parameter: String, _ invocation: any Invocation) throws -> [String] {
        var found: [String] = []
        for path in invocation.list(parameter) ?? [] {
            for full in try expanded(path.text, invocation) {
                if exists(full) {
                    found.append(full)
                } else {
                    try invocation.report(missing(path.text, invocation.cmdlet.name))
                }
            }
        }
        return found
    }

    static func missing(_ path: String, _ cmdlet: String) -> ErrorRecord {
        let folder = folder(absolute(path))
        let near = (try? names(in: folder, cmdlet: cmdlet)).map { Spelling.hint(name(path), among: $0) } ?? ""
        return ErrorRecord(
            "\(cmdlet): there is no “\(path)”.\(near)", "PathNotFound", .objectNotFound, target: path,
            action: "Get-ChildItem lists what is in a folder.", cmdlet: cmdlet)
    }
}
