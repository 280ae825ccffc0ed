import Foundation

/// A process a test started, with its streams on files or a terminal; its end is polled for, never slept for.
public final class ChildProcess: Sendable {
    public enum Ending: Sendable, Equatable {
        case exited(Int32)
        case killed(by: Int32)
    }

    public struct Failure: Error, CustomStringConvertible {
        public var description: String
    }

    public let identifier: pid_t

    /// Starts `executable` with the files as standard input, output and error. With `ownSession` a terminal among them becomes the
    /// process's controlling terminal (a session leader gets the first one that it opens).
    public init(
        _ executable: String, _ arguments: [String], environment: [String: String], streams: (String, String, String),
        ownSession: Bool = false
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, streams.0, O_RDWR, 0)
        posix_spawn_file_actions_addopen(&actions, 1, streams.1, O_RDWR | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, streams.2, O_RDWR | O_CREAT | O_APPEND, 0o600)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        for signal in [SIGINT, SIGTERM, SIGPIPE, SIGQUIT] { sigaddset(&signals, signal) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        let flags = Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF) | (ownSession ? 0x80 : 0)
        posix_spawnattr_setflags(&attributes, Int16(flags))
        let words = ([executable] + arguments).map { strdup($0) } + [nil]
        let variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in words + variables { free(text) } }
        var identifier: pid_t = 0
        let result = posix_spawn(&identifier, executable, &actions, &attributes, words, variables)
        guard result == 0 else { throw Failure(description: "\(executable): \(String(cString: strerror(result)))") }
        self.identifier = identifier
    }

    public func signal(_ number: Int32) { kill(identifier, number) }

    /// How it ended; nil when it still runs after `seconds`. Ask until it is not nil: the answer is given once.
    public func ending(within seconds: Double) -> Ending? {
        var status: Int32 = 0
        let ended = Deadline.reached(within: seconds) { waitpid(identifier, &status, WNOHANG) == identifier }
        guard ended else { return nil }
        return status & 0x7f == 0 ? .exited(status >> 8 & 0xff) : .killed(by: status & 0x7f)
    }
}

/// Polls for conditions.
public enum Deadline {
    /// True as soon as `condition` holds; false when it does not within `seconds`.
    public static func reached(within seconds: Double, _ condition: () throws -> Bool) rethrows -> Bool {
        let end = Date(timeIntervalSinceNow: seconds)
        while true {
            if try condition() { return true }
            guard Date() < end else { return false }
            usleep(10_000)
        }
    }
}
