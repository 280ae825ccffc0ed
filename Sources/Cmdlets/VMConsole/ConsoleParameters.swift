extension Parameter {
    /// -Port of the console cmdlets.
    static let consolePort = Parameter("Port", .integer(1...2), "Which serial port, COM1 or COM2.", default: .integer(1), ours: true)
}

/// Cuts a console's bytes into lines and keeps what is not a whole line yet.
struct ConsoleLines {
    private var rest: [UInt8] = []

    /// The lines that are whole now, without their ends.
    mutating func add(_ bytes: [UInt8]) -> [String] {
        rest += bytes
        var lines: [String] = []
        var start = 0
        while let end = rest[start...].firstIndex(of: 10) {
            lines.append(Self.text(rest[start..<end]))
            start = end + 1
        }
        rest.removeFirst(start)
        return lines
    }

    /// What has no line end; nil when there is nothing.
    mutating func finish() -> String? {
        defer { rest = [] }
        return rest.isEmpty ? nil : Self.text(rest[...])
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        var bytes = bytes
        while bytes.last == 13 { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }
}
