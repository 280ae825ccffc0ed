import Basics
import Glibc

/// What a worker leaves in `run.json` while it lives, for those who find it silent or gone. It is no evidence of life: only the lock on
/// `worker.lock` is. A record without a held lock means that the worker died.
package struct RunRecord: Codable, Equatable, Sendable {
    package static let currentVersion = 1
    package var version = Self.currentVersion
    package var processId: Int32
    /// `/proc/sys/kernel/random/boot_id`: process ids of another boot mean nothing.
    package var bootId: String
    /// The process's start in clock ticks after boot (proc(5), `/proc/PID/stat` field 22).
    package var processStartTime: UInt64
    package var partitionId: UInt64
    /// Wall time of the VM's start, nanoseconds since the Unix epoch.
    package var startTime: Int64
    /// Name of the last state the worker was in.
    package var state: String
    /// The worker lives as a thread of another program, which must not be killed for it.
    package var isHosted: Bool
    package var memoryAssigned: UInt64

    package init(partitionId: UInt64, state: String, isHosted: Bool) {
        processId = getpid()
        bootId = ProcessIdentity.bootId()
        processStartTime = ProcessIdentity.startTime(of: processId) ?? 0
        self.partitionId = partitionId
        startTime = HostTime.wall()
        self.state = state
        self.isHosted = isHosted
        memoryAssigned = 0
    }

    /// True when process `processId` is still the one that wrote this record.
    package var namesLivingProcess: Bool {
        bootId == ProcessIdentity.bootId() && ProcessIdentity.startTime(of: processId) == processStartTime
    }
}

/// What tells one process from a later one with the same id.
package enum ProcessIdentity {
    package static func bootId() -> String { line(of: "/proc/sys/kernel/random/boot_id") ?? "" }

    /// Start of the process in clock ticks after boot; nil when there is no such process.
    package static func startTime(of process: Int32) -> UInt64? {
        // The second field is the program's name in parentheses and may contain anything: count from the last one.
        guard let text = line(of: "/proc/\(process)/stat"), let name = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: name)...].split(separator: " ")
        return fields.count > 19 ? UInt64(fields[19]) : nil
    }

    /// Name of the program, at most 15 bytes.
    package static func program(of process: Int32) -> String? { line(of: "/proc/\(process)/comm") }

    private static func line(of path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        let file = OpenFile(descriptor: descriptor, path: path)
        guard let bytes = try? file.read(at: 0, count: 4096), !bytes.isEmpty else { return nil }
        return String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self)
    }
}
