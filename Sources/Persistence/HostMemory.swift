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
