import Cmdlets

/// What became of the cases, and the forms in which build servers read it.
struct ScenarioResults {
    struct Case {
        enum End: Equatable {
            case passed
            case skipped(String)
            case failed(String)
        }
        var file: String
        var name: String
        var seconds: Double
        var end: End
    }

    private(set) var cases: [Case]

    init(_ cases: [Case] = []) { self.cases = cases }

    mutating func add(_ result: Case) { cases.append(result) }

    var passed: Int { cases.count { $0.end == .passed } }
    var failed: Int { cases.count { if case .failed = $0.end { true } else { false } } }
    var skipped: Int { cases.count { if case .skipped = $0.end { true } else { false } } }

    /// The Test Anything Protocol, version 13.
    var tap: String {
        var text = "TAP version 13\n"
        for (place, result) in cases.enumerated() {
            // A “#” would begin a directive.
            let name = result.name.split(separator: "#", omittingEmptySubsequences: false).joined(separator: "\\#")
            switch result.end {
            case .passed: text += "ok \(place + 1) - \(name)\n"
            case .skipped(let reason): text += "ok \(place + 1) - \(name) # SKIP \(Self.oneLine(reason))\n"
            case .failed(let message):
                text += "not ok \(place + 1) - \(name)\n"
                for line in message.split(separator: "\n", omittingEmptySubsequences: false) { text += "# \(line)\n" }
            }
        }
        return text + "1..\(cases.count)\n"
    }

    /// JUnit's XML as build servers take it: a suite for each file.
    var junit: String {
        var files: [String] = []
        for result in cases where !files.contains(result.file) { files.append(result.file) }
        var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        text += "<testsuites tests=\"\(cases.count)\" failures=\"\(failed)\" skipped=\"\(skipped)\">\n"
        for file in files {
            let own = ScenarioResults(cases.filter { $0.file == file })
            let time = NumberText.fixed(own.cases.reduce(0) { $0 + $1.seconds }, digits: 3)
            text += "  <testsuite name=\"\(Self.xml(file))\" tests=\"\(own.cases.count)\" failures=\"\(own.failed)\" errors=\"0\""
            text += " skipped=\"\(own.skipped)\" time=\"\(time)\">\n"
            for result in own.cases {
                text += "    <testcase classname=\"\(Self.xml(file))\" name=\"\(Self.xml(result.name))\""
                text += " time=\"\(NumberText.fixed(result.seconds, digits: 3))\""
                switch result.end {
                case .passed: text += "/>\n"
                case .skipped(let reason): text += "><skipped message=\"\(Self.xml(reason))\"/></testcase>\n"
                case .failed(let message):
                    let first = message.split(separator: "\n").first.map(String.init) ?? "failed"
                    text += "><failure message=\"\(Self.xml(first))\">\(Self.xml(message))</failure></testcase>\n"
                }
            }
            text += "  </testsuite>\n"
        }
        return text + "</testsuites>\n"
    }

    private static func oneLine(_ text: String) -> String { text.split(whereSeparator: \.isNewline).joined(separator: " ") }

    /// Text for XML: its own characters as entities, those that XML cannot hold replaced.
    private static func xml(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "\n": result += "&#10;"
            case "\t": result += "&#9;"
            default: result.unicodeScalars.append(scalar.value < 0x20 || scalar.value >= 0xfffe ? "\u{fffd}" : scalar)
            }
        }
        return result
    }
}
