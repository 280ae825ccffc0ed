import Glibc

/// A file of the kernel's with `name: value` lines, like /proc/meminfo.
package enum KernelTable {
    /// The first value of each name; empty when it cannot be read.
    package static func read(_ path: String) -> [String: String] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [:] }
        let file = OpenFile(descriptor: descriptor, path: path)
        // Files of /proc have no size; the beginning holds what is wanted.
        guard let bytes = try? file.read(at: 0, count: 16 << 10) else { return [:] }
        var table: [String: String] = [:]
        for line in bytes.split(separator: 10) {
            let parts = line.split(separator: 58, maxSplits: 1)
            guard parts.count == 2 else { continue }
            let trimmed = parts.map { String(decoding: $0, as: UTF8.self).split(whereSeparator: \.isWhitespace).joined(separator: " ") }
            if table[trimmed[0]] == nil { table[trimmed[0]] = trimmed[1] }
        }
        return table
    }
}
