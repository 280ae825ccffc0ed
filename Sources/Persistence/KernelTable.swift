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

/// The host's memory as its kernel tells it now (proc_meminfo(5)), in bytes; 0: not told.
package struct HostMemory: Sendable {
    package var total: UInt64
    /// What programs can still have without swapping.
    package var available: UInt64
    package var freeSwap: UInt64

    package init(total: UInt64, available: UInt64, freeSwap: UInt64) {
        (self.total, self.available, self.freeSwap) = (total, available, freeSwap)
    }

    package init() {
        let table = KernelTable.read("/proc/meminfo")
        func kilobytes(_ name: String) -> UInt64 { (table[name]?.split(separator: " ").first.flatMap { UInt64($0) } ?? 0) << 10 }
        self.init(total: kilobytes("MemTotal"), available: kilobytes("MemAvailable"), freeSwap: kilobytes("SwapFree"))
    }

    /// Throws when a VM of `bytes` of memory cannot have it: its guest may touch all of it at any time, and a host without memory kills.
    /// What others were promised and have not touched yet is not counted. Nothing is refused where the kernel tells nothing.
    package func check(_ bytes: UInt64, for name: String) throws {
        guard available > 0, bytes > available + freeSwap else { return }
        func mebibytes(_ bytes: UInt64) -> String { "\(bytes >> 20) MiB" }
        throw PersistenceError(
            "NotEnoughMemory", .resourceUnavailable,
            "“\(name)” needs \(mebibytes(bytes)) of memory, and the host has \(mebibytes(available)) available"
                + (freeSwap > 0 ? " and \(mebibytes(freeSwap)) of free swap." : "."),
            action: "Turn other VMs off and repeat the command; a VM that starts anew can be given less: Set-VMMemory -StartupBytes.",
            target: name)
    }
}
