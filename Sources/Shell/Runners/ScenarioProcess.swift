import Cmdlets
import Glibc

/// The process that runs one scenario file, as the runner sees it: what it tells, what it prints, how it ends.
final class ScenarioProcess {
    let file: String
    let seed: UInt32
    /// What it tells of; readable when there is something, and at its end.
    let reports: Int32
    private let process: pid_t
    /// Where its output goes when several run at once; nil: to this process's own.
    private let output: Int32?
    private var unread: [UInt8] = []

    /// Starts `lunavisor test` for one file. `isAlone`: it may write to this process's streams; what it prints goes to standard error when
    /// `keepsOutputFree`.
    init(_ file: String, seed: UInt32, arguments: [String], isAlone: Bool, keepsOutputFree: Bool) throws {
        (self.file, self.seed) = (file, seed)
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw ErrorRecord.processFailed(errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
        defer { close(ends[1]) }
        var output: Int32?
        if !isAlone {
            var template = Array("\(Self.temporaryFolder)/lunavisor-output-XXXXXX".utf8CString)
            let descriptor = mkstemp(&template)
            if descriptor >= 0 {
                unlink(template)
                _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
                output = descriptor
            }
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        if let output {
            posix_spawn_file_actions_adddup2(&actions, output, 1)
            posix_spawn_file_actions_adddup2(&actions, output, 2)
        } else if keepsOutputFree {
            posix_spawn_file_actions_adddup2(&actions, 2, 1)
        }
        // Last, as it may take the number of another descriptor; one that has it already must only lose close-on-exec, which dup2 does
        // not do for equal numbers, but posix_spawn does.
        posix_spawn_file_actions_adddup2(&actions, ends[1], 3)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { sigaddset(&signals, signal) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        // A process group of its own: the terminal's Ctrl-C reaches it once, from here.
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
        let words = (["lunavisor"] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var process: pid_t = 0
        let result = posix_spawn(&process, "/proc/self/exe", &actions, &attributes, words, environ)
        guard result == 0 else {
            close(ends[0])
            if let output { close(output) }
            throw ErrorRecord.processFailed(result)
        }
        (self.process, self.output, reports) = (process, output, ends[0])
    }

    deinit {
        close(reports)
        if let output { close(output) }
    }

    static var temporaryFolder: String { getenv("TMPDIR").map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp" }

    func signal(_ number: Int32) { kill(process, number) }

    /// What it told since the last look; nil: it will tell nothing more.
    func records() -> [ScenarioRecord]? {
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(reports, &buffer, buffer.count)
            if count > 0 {
                unread += buffer[..<count]
                continue
            }
            if count < 0, errno == EINTR { continue }
            var found: [ScenarioRecord] = []
            while let end = unread.firstIndex(of: 10) {
                if let record = ScenarioRecord(line: String(decoding: unread[..<end], as: UTF8.self)) { found.append(record) }
                unread.removeSubrange(...end)
            }
            return count == 0 && found.isEmpty ? nil : found
        }
    }

    /// Waits for its end; nil when it exited by itself, else what killed it.
    func end() -> String? {
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 { guard errno == EINTR else { return nil } }
        let signal = status & 0x7f
        return signal == 0 ? nil : "signal \(signal), \(String(cString: strsignal(signal)))"
    }

    /// What it printed, where that was collected.
    func printed() -> String {
        guard let output else { return "" }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        var place: off_t = 0
        // What a script prints without end shall not fill this process's memory.
        while text.count < 4 << 20 {
            let count = pread(output, &buffer, buffer.count, place)
            guard count > 0 else { break }
            text += buffer[..<count]
            place += off_t(count)
        }
        return String(decoding: text, as: UTF8.self)
    }
}
