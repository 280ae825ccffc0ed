import Glibc

/// What the host says of a running process of this user's.
public struct ProcessFacts: Sendable {
    private let process: Int32

    public init(_ process: Int32) { self.process = process }

    /// Files, sockets and the like that it has open; nil: it cannot be looked into.
    public var descriptors: Int? {
        guard let folder = opendir("/proc/\(process)/fd") else { return nil }
        defer { closedir(folder) }
        var count = 0
        while let entry = readdir(folder) { if entry.pointee.d_name.0 != UInt8(ascii: ".") { count += 1 } }
        return count
    }

    /// System calls pass a filter (seccomp(2)), which it cannot take away.
    public var isFiltered: Bool? { field("status", "Seccomp:").map { $0 == 2 } }

    /// Of all its threads, those that ended too.
    public var processorNanoseconds: UInt64? {
        var clock = clockid_t()
        var time = timespec()
        guard clock_getcpuclockid(process, &clock) == 0, clock_gettime(clock, &time) == 0 else { return nil }
        return UInt64(clamping: time.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: time.tv_nsec)
    }

    /// Bytes that it holds; those that it shares are divided among all that share them.
    public var memoryBytes: UInt64? { field("smaps_rollup", "Pss:").map { $0 << 10 } }

    /// The number behind a word at a line's begin in a file of /proc.
    private func field(_ file: String, _ name: String) -> UInt64? {
        guard let stream = fopen("/proc/\(process)/\(file)", "re") else { return nil }
        defer { fclose(stream) }
        var line = [CChar](repeating: 0, count: 512)
        while fgets(&line, Int32(line.count), stream) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            guard text.hasPrefix(name) else { continue }
            return text.dropFirst(name.count).split { !$0.isNumber }.first.flatMap { UInt64($0) }
        }
        return nil
    }
}
