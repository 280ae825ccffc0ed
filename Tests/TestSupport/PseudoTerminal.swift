import Foundation

/// A terminal of a test's own with a program on it: types keys, waits for texts.
public final class PseudoTerminal {
    public let process: ChildProcess
    private let descriptor: Int32
    /// Everything the program wrote, without escape sequences and carriage returns.
    public private(set) var transcript = ""
    /// The same with them.
    public private(set) var raw: [UInt8] = []
    private var undecoded: [UInt8] = []
    /// Characters of the transcript that earlier expectations took.
    private var taken = 0

    /// TIOCSPTLCK and TIOCGPTN (ioctl_tty(2)), which Glibc's module map hides with the functions made of them.
    private static let setLock: UInt = 0x4004_5431, getNumber: UInt = 0x8004_5430

    /// Control keys.
    public static let tab = "\t", enter = "\r", controlC = "\u{3}", controlD = "\u{4}", detach = "\u{1d}", up = "\u{1b}[A"

    /// `kind`: what TERM says.
    public init(_ executable: String, _ arguments: [String], environment: [String: String], kind: String = "xterm") throws {
        descriptor = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var (locked, number): (Int32, UInt32) = (0, 0)
        guard descriptor >= 0, ioctl(descriptor, Self.setLock, &locked) == 0, ioctl(descriptor, Self.getNumber, &number) == 0 else {
            throw ChildProcess.Failure(description: "no pseudo-terminal: \(String(cString: strerror(errno)))")
        }
        Self.resize(descriptor, columns: 160, rows: 40)
        let path = "/dev/pts/\(number)"
        let variables = environment.merging(["TERM": kind, "LC_ALL": "C.UTF-8"]) { $1 }
        process = try ChildProcess(executable, arguments, environment: variables, streams: (path, path, path), ownSession: true)
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }

    deinit { close(descriptor) }

    /// Gives the terminal another size.
    public func resize(columns: UInt16, rows: UInt16) { Self.resize(descriptor, columns: columns, rows: rows) }

    private static func resize(_ descriptor: Int32, columns: UInt16, rows: UInt16) {
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(descriptor, UInt(TIOCSWINSZ), &size)
    }

    public func type(_ keys: String) {
        var bytes = Array(keys.utf8)[...]
        _ = Deadline.reached(within: 10) {
            let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 { bytes = bytes.dropFirst(count) }
            return bytes.isEmpty
        }
    }

    /// True as soon as `text` stands in what the program wrote since the last expectation; that much is then taken.
    public func sees(_ text: String, within seconds: Double = 10) -> Bool {
        Deadline.reached(within: seconds) {
            readAvailable()
            let fresh = transcript.dropFirst(taken)
            guard let range = fresh.range(of: text) else { return false }
            taken = transcript.distance(from: transcript.startIndex, to: range.upperBound)
            return true
        }
    }

    /// How the program ended; its output is read meanwhile, so that it never waits for the terminal.
    public func ending(within seconds: Double = 10) -> ChildProcess.Ending? {
        var ending: ChildProcess.Ending?
        _ = Deadline.reached(within: seconds) {
            readAvailable()
            ending = process.ending(within: 0)
            return ending != nil
        }
        return ending
    }

    private func readAvailable() {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return }
            undecoded += buffer[..<count]
            raw += buffer[..<count]
            decode()
        }
    }

    /// Moves complete text to the transcript; an escape sequence or character that is not complete stays.
    private func decode() {
        var place = 0
        var plain: [UInt8] = []
        loop: while place < undecoded.count {
            let byte = undecoded[place]
            guard byte == 0x1b else {
                if byte != 0x0d, byte != 0x07 { plain.append(byte) }
                place += 1
                continue
            }
            guard place + 1 < undecoded.count else { break }
            guard undecoded[place + 1] == 0x5b else {
                place += 2
                continue
            }
            guard let end = undecoded[(place + 2)...].firstIndex(where: { (0x40...0x7e).contains($0) }) else { break loop }
            place = end + 1
        }
        // The start of a character whose rest has not come yet.
        var rest = Array(undecoded[place...])
        if let lead = plain.lastIndex(where: { $0 & 0xc0 != 0x80 }), plain[lead] >= 0xc0 {
            let length = plain[lead] >= 0xf0 ? 4 : plain[lead] >= 0xe0 ? 3 : 2
            if plain.count - lead < length {
                rest = Array(plain[lead...]) + rest
                plain.removeSubrange(lead...)
            }
        }
        undecoded = rest
        transcript += String(decoding: plain, as: UTF8.self)
    }
}

extension BuiltShell {
    /// A REPL (or another interactive use) on a terminal of its own; its history lies in the store's folder.
    public func terminal(
        _ arguments: [String] = [], environment: [String: String] = [:], kind: String = "xterm"
    ) throws -> PseudoTerminal {
        try PseudoTerminal(
            executable, ["--store", store.path] + arguments, environment: terminalEnvironment.merging(environment) { $1 }, kind: kind)
    }

    /// The environment of such a use.
    private var terminalEnvironment: [String: String] {
        let own = [
            "XDG_STATE_HOME": store.appendingPathComponent("test-files/state").path,
            "XDG_CONFIG_HOME": store.appendingPathComponent("test-files/config").path,
        ]
        return ProcessInfo.processInfo.environment.merging(own) { $1 }
    }

    /// A shell with job control on a terminal of its own, in which `lunavisor` is the REPL.
    public func jobControl() throws -> PseudoTerminal {
        var environment = terminalEnvironment
        (environment["PS1"], environment["LUNAVISOR_STORE"], environment["HISTFILE"]) = ("host$ ", store.path, "/dev/null")
        let terminal = try PseudoTerminal("/bin/bash", ["--norc", "--noprofile", "-i"], environment: environment)
        terminal.type("lunavisor() { '\(executable)' \"$@\"; }\r")
        return terminal
    }
}
