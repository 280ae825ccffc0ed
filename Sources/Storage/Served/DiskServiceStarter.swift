import CHost
import Glibc

/// How a disk's service comes to be.
package struct DiskServiceStarter: Sendable {
    /// Starts it with `descriptors` as 3, 4, 5 … and `options`; its process id or -errno. It is a child of this process.
    package let start: @Sendable (_ name: String, _ options: String, _ descriptors: [Int32]) -> Int32

    package init(_ start: @escaping @Sendable (_ name: String, _ options: String, _ descriptors: [Int32]) -> Int32) { self.start = start }

    /// This same executable: `lunavisor disk-service NAME JSON`, with this process's log.
    package static let process = DiskServiceStarter { name, options, descriptors in
        let words: [String] = ["lunavisor", "disk-service", name, options]
        let arguments = words.map { strdup($0) }
        defer { for argument in arguments { free(argument) } }
        return lv_spawn_detached("/proc/self/exe", arguments + [nil], descriptors, Int32(descriptors.count), 2)
    }
}
