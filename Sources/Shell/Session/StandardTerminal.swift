import Basics
import CHost
import Cmdlets
import Glibc
import Synchronization

/// The process's standard streams as the session's terminal.
final class StandardTerminal: Terminal {
    private struct State {
        /// The reader of standard output went away.
        var isOutputClosed = false
        /// What the system said when standard output took no more: a full disk.
        var outputProblem: String?
        /// The file of Start-Transcript.
        var transcript: (descriptor: Int32, path: String)?
        var bar = ProgressBar()
        /// Takes what is written while the REPL's line is edited.
        var notices: LineNotices?
    }

    private let state = Mutex(State())
    private let isOutputTerminal = isatty(1) == 1
    private let isErrorTerminal = isatty(2) == 1
    private let isQuiet: Bool
    /// Host messages go to standard error, so that standard output holds JSON only.
    private let hostToError: Bool
    private let colours: Bool
    let usesColours: Bool

    init(quiet: Bool, hostToError: Bool, colours: Bool) {
        (isQuiet, self.hostToError) = (quiet, hostToError)
        let kind = getenv("TERM").map { String(cString: $0) } ?? ""
        let isDumb = kind.isEmpty || kind == "dumb"
        self.colours = colours && isatty(2) == 1 && !isDumb
        usesColours = colours && isatty(1) == 1 && !isDumb
    }

    /// From now on texts that come while a line is edited go there.
    func setNotices(_ notices: LineNotices?) { state.withLock { $0.notices = notices } }

    var isInteractive: Bool { isatty(0) == 1 && isErrorTerminal }

    var width: Int? {
        guard isOutputTerminal else { return nil }
        var size = winsize()
        guard ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// True once a write to standard output failed because nobody reads it.
    var isOutputClosed: Bool { state.withLock { $0.isOutputClosed } }

    /// Why standard output takes no more; nil: it does.
    var outputProblem: String? { state.withLock { $0.outputProblem } }

    func writeOutput(_ text: String) { write(text, to: 1) }

    /// Bytes that are no text: a program's own output, which reaches a file or a pipe unchanged.
    func writeOutput(bytes: [UInt8]) {
        guard isatty(1) == 0 else { return writeOutput(String(decoding: bytes, as: UTF8.self)) }
        state.withLock { state in
            fflush(nil)
            erase(&state)
            keep(String(decoding: bytes, as: UTF8.self), &state)
            bytes.withUnsafeBytes { send($0, 1, &state) }
            if bytes.last == 10, let line = state.bar.redrawn(width: errorWidth) { send(line, 2, &state) }
        }
    }

    func write(_ text: String) {
        if hostToError { writeError(text) } else { write(text, to: 1) }
    }

    func writeError(_ text: String) { write(text, to: 2) }

    private func write(_ text: String, to descriptor: Int32) {
        state.withLock { state in
            if isatty(descriptor) == 1, state.notices?.post(text) ?? false { return }
            // Lua's own io library has a buffer of its own before ours.
            fflush(nil)
            erase(&state)
            keep(text, &state)
            send(text, descriptor, &state)
            // What goes on stays in sight below the text.
            if text.hasSuffix("\n"), let line = state.bar.redrawn(width: errorWidth) { send(line, 2, &state) }
        }
    }

    // MARK: Transcript

    func startTranscript(_ path: String, isAppending: Bool, isNew: Bool) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (isAppending ? O_APPEND : O_TRUNC) | (isNew ? O_EXCL : 0), 0o600)
        guard descriptor >= 0 else {
            throw ErrorRecord(
                "Start-Transcript cannot write “\(path)”: \(String(cString: strerror(errno))).", "FileWriteFailed", .writeError,
                target: path,
                cmdlet: "Start-Transcript")
        }
        state.withLock { state in
            if let old = state.transcript { close(old.descriptor) }
            state.transcript = (descriptor, path)
        }
    }

    func stopTranscript() -> String? {
        state.withLock { state in
            guard let transcript = state.transcript else { return nil }
            close(transcript.descriptor)
            state.transcript = nil
            return transcript.path
        }
    }

    /// What was typed belongs to the transcript, too.
    func noteInput(_ text: String) { state.withLock { keep(text, &$0) } }

    /// Adds to the transcript, without the colours; a full disk ends it and says so.
    private func keep(_ text: String, _ state: inout State) {
        guard let transcript = state.transcript else { return }
        var plain = text
        while let escape = plain.firstRange(of: "\u{1b}["), let end = plain[escape.upperBound...].firstIndex(where: { $0.isLetter }) {
            plain.removeSubrange(escape.lowerBound...end)
        }
        let bytes = Array(plain.utf8)
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(transcript.descriptor, $0.baseAddress?.advanced(by: written), bytes.count - written)
            }
            if count < 0 {
                if errno == EINTR { continue }
                let problem = String(cString: strerror(errno))
                close(transcript.descriptor)
                state.transcript = nil
                send("WARNING: The transcript has ended: \(problem).\n", 2, &state)
                return
            }
            written += count
        }
    }

    private func send(_ text: String, _ descriptor: Int32, _ state: inout State) {
        var text = text
        text.withUTF8 { send(UnsafeRawBufferPointer($0), descriptor, &state) }
    }

    private func send(_ bytes: UnsafeRawBufferPointer, _ descriptor: Int32, _ state: inout State) {
        var rest = bytes
        while let start = rest.baseAddress, !rest.isEmpty {
            let written = Glibc.write(descriptor, start, rest.count)
            if written < 0 {
                if errno == EINTR { continue }
                if errno == EAGAIN {
                    var poller = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    poll(&poller, 1, 1000)
                    continue
                }
                if errno == EPIPE, descriptor == 1 { state.isOutputClosed = true }
                if errno != EPIPE, descriptor == 1, state.outputProblem == nil {
                    state.outputProblem = String(cString: strerror(errno))
                }
                return
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
    }

    func ask(_ question: String, choices: [(key: Character, meaning: String)]) -> Character? {
        guard isInteractive else { return nil }
        let keys = choices.map { "[\($0.key)] \($0.meaning)" }.joined(separator: "  ")
        while true {
            writeError("\(question)\n\(keys)  [?]: ")
            guard let line = readLine(prompt: nil) else { return nil }
            let answer = line.first { $0 != " " }
            if answer == "?" {
                for choice in choices { writeError("\(choice.key) - \(choice.meaning)\n") }
                continue
            }
            // An empty line chooses the first, as the question's order says.
            guard let answer else { return choices.first?.key }
            if let choice = choices.first(where: { $0.key.lowercased() == answer.lowercased() }) { return choice.key }
        }
    }

    /// A line from standard input without its end; nil at its end, and when a signal came.
    func readLine(prompt: String?) -> String? {
        if let prompt { writeError(prompt) }
        var bytes: [UInt8] = []
        while true {
            var byte: UInt8 = 0
            let count = read(0, &byte, 1)
            if count == 1 {
                if byte == 10 { break }
                bytes.append(byte)
            } else {
                if count == 0, !bytes.isEmpty { break }
                return nil
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    func progress(_ activity: String, fraction: Double?) {
        guard let fraction else { return endProgress(activity) }
        show(Progress(activity, fraction: fraction))
    }

    func show(_ progress: Progress) {
        guard isErrorTerminal, !isQuiet else { return }
        state.withLock { state in
            guard !(state.notices?.isOpen ?? false), let line = state.bar.shown(progress, at: HostTime.seconds(), width: errorWidth) else {
                return
            }
            fflush(nil)
            send(line, 2, &state)
        }
    }

    func endProgress(_ activity: String) {
        guard isErrorTerminal, !isQuiet else { return }
        state.withLock { state in
            erase(&state)
            state.bar.end(activity)
        }
    }

    /// Columns of the terminal that diagnostics go to.
    private var errorWidth: Int {
        var size = winsize()
        return ioctl(2, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    }

    private func erase(_ state: inout State) {
        let erasing = state.bar.erased()
        if !erasing.isEmpty { send(erasing, 2, &state) }
    }

    func raw(_ body: (_ readByte: (_ timeoutMilliseconds: Int32) -> UInt8?) throws -> Void) throws {
        var before = termios()
        let isTerminal = tcgetattr(0, &before) == 0
        if isTerminal {
            var raw = before
            cfmakeraw(&raw)
            tcsetattr(0, TCSADRAIN, &raw)
        }
        defer { if isTerminal { tcsetattr(0, TCSADRAIN, &before) } }
        try body { timeout in
            var poller = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
            guard poll(&poller, 1, timeout) > 0 else { return nil }
            var byte: UInt8 = 0
            return read(0, &byte, 1) == 1 ? byte : nil
        }
    }

    /// The text in the colour of errors, where colours are wanted.
    func asError(_ text: String) -> String { colours ? "\u{1b}[31m\(text)\u{1b}[0m" : text }
}
