import Glibc
import Persistence
import Synchronization

/// What a session does, written down line by line while it does it (Start-VMTrace).
///
///     2026-11-29T02:33:00.123456Z [Info] Get-VM 'web*' began
public final class TraceLog: Sendable {
    /// What is written: everything of a level and of those before it.
    public enum Level: Int, Sendable, CaseIterable {
        case error, warning, info, verbose

        public var name: String {
            switch self {
            case .error: "Error"
            case .warning: "Warning"
            case .info: "Info"
            case .verbose: "Verbose"
            }
        }

        public init?(name: String) {
            guard let level = Self.allCases.first(where: { $0.name.lowercased() == name.lowercased() }) else { return nil }
            self = level
        }
    }

    public let path: String
    public let level: Level
    /// Whether Verbose also writes the properties of what cmdlets give.
    public let showsObjects: Bool
    private let file: OpenFile
    private let lost = Mutex(0)
    private let isOver = Atomic(false)

    /// Adds to the file when it is there.
    init(path: String, level: Level, showsObjects: Bool) throws {
        (self.path, self.level, self.showsObjects) = (path, level, showsObjects)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw PersistenceError.system(errno, "write", path: path) }
        file = OpenFile(descriptor: descriptor, path: path)
    }

    /// Lines that the file system had no room for.
    public var lostLines: Int { lost.withLock { $0 } }

    public func writes(_ wanted: Level) -> Bool { wanted.rawValue <= level.rawValue }

    public func write(_ wanted: Level, _ text: @autoclosure () -> String) {
        if writes(wanted), !isOver.load(ordering: .relaxed) { put(wanted.name, text()) }
    }

    /// The last line.
    func end() {
        isOver.store(true, ordering: .relaxed)
        put("Trace", "The trace ends")
    }

    func put(_ label: String, _ text: String) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var fields = tm()
        gmtime_r(&now.tv_sec, &fields)
        var stamp = [CChar](repeating: 0, count: 40)
        let count = strftime(&stamp, stamp.count, "%Y-%m-%dT%H:%M:%S", &fields)
        let second = String(decoding: stamp.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let micro = String(1_000_000 + now.tv_nsec / 1000).dropFirst()
        // One line, whatever is in the text, and one write, so that lines of several threads do not mix.
        let line = text.replacing("\n", with: "\\n")
        var bytes = Array("\(second).\(micro)Z [\(label)] \(line)\n".utf8)
        if bytes.count > 64 << 10 { bytes = bytes.prefix(64 << 10 - 4) + Array("…\n".utf8) }
        let written = bytes.withUnsafeBytes { Glibc.write(file.descriptor, $0.baseAddress, $0.count) }
        if written != bytes.count { lost.withLock { $0 += 1 } }
    }
}

extension VirtualMachineHost {
    /// The trace that runs; nil: none does.
    public var trace: TraceLog? { runningTrace.withLock { $0 } }

    /// Begins to write down what this process does with the host. Throws `TraceRunning`, and what keeps the file from being written.
    @discardableResult
    public func startTrace(path: String, level: TraceLog.Level, showsObjects: Bool) throws -> TraceLog {
        let new = try TraceLog(path: Paths.absolute(path), level: level, showsObjects: showsObjects)
        try runningTrace.withLock { running in
            if let running {
                throw ManagementError(
                    "TraceRunning", .invalidOperation, "A trace runs already, into “\(running.path)”.",
                    action: "End it first: Stop-VMTrace",
                    target: running.path)
            }
            running = new
        }
        new.put("Trace", "The trace begins: level \(level.name), process \(getpid()), store “\(storePath)”")
        return new
    }

    /// Ends the trace and gives it. Throws `TraceNotRunning`.
    public func stopTrace() throws -> TraceLog {
        let ended = try runningTrace.withLock { running in
            guard let ended = running else {
                throw ManagementError(
                    "TraceNotRunning", .invalidOperation, "No trace runs.", action: "Start-VMTrace begins one.", target: "trace")
            }
            running = nil
            return ended
        }
        ended.end()
        return ended
    }
}
