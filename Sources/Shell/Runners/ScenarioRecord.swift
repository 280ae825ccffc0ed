/// What the process of a scenario file tells the one that collects: a line per event, its fields behind tabs.
package enum ScenarioRecord: Equatable {
    /// A case that would run, under --list.
    case listed(String)
    case started(String)
    case passed(String, seconds: Double)
    case skipped(String, reason: String)
    case failed(String, seconds: Double, text: String)
    /// Ctrl-C ended the file.
    case stopped
    /// All cases were told of.
    case ended

    /// The event as a line without its end.
    package var line: String {
        let fields: [String] =
            switch self {
            case .listed(let name): ["list", name]
            case .started(let name): ["start", name]
            case .passed(let name, let seconds): ["pass", name, String(seconds)]
            case .skipped(let name, let reason): ["skip", name, reason]
            case .failed(let name, let seconds, let text): ["fail", name, String(seconds), text]
            case .stopped: ["stop"]
            case .ended: ["end"]
            }
        return fields.map(Self.escaped).joined(separator: "\t")
    }

    /// nil: the line is no event.
    package init?(line: some StringProtocol) {
        let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map { Self.unescaped(String($0)) }
        switch (fields[0], fields.count) {
        case ("list", 2): self = .listed(fields[1])
        case ("start", 2): self = .started(fields[1])
        case ("pass", 3): self = .passed(fields[1], seconds: Double(fields[2]) ?? 0)
        case ("skip", 3): self = .skipped(fields[1], reason: fields[2])
        case ("fail", 4): self = .failed(fields[1], seconds: Double(fields[2]) ?? 0, text: fields[3])
        case ("stop", 1): self = .stopped
        case ("end", 1): self = .ended
        default: return nil
        }
    }

    private static func escaped(_ field: String) -> String {
        var result = ""
        for scalar in field.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func unescaped(_ field: String) -> String {
        var result = ""
        var isEscape = false
        for scalar in field.unicodeScalars {
            if isEscape {
                result.unicodeScalars.append(scalar == "n" ? "\n" : scalar == "t" ? "\t" : scalar)
                isEscape = false
            } else if scalar == "\\" {
                isEscape = true
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
