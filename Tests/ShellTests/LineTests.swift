import Cmdlets
import Shell
import Testing

/// The parts of the REPL's line that need no terminal.
@Suite("Line")
struct LineTests {
    @Test(
        "the next line stands as far in as the one above says; words that close stand further out",
        arguments: [
            ("for i = 1, 2 do", 2, 0), ("if x then", 2, 0), ("f(function()", 2, 0), ("function f(a, b)", 2, 0), ("t = {", 2, 0),
            ("print(1)", 0, 0), ("do\n  print(1)", 2, 0), ("do\n  end", 0, 2), ("if x then\n  y()\n  else", 2, 2),
            ("do\n  x = {\n    }", 2, 2),
            ("f(g(1))", 0, 0), ("end", 0, 0),
        ])
    func indentation(text: String, next: Int, outdent: Int) {
        let line = LineIndentation.of(text)
        #expect(line.next == next && line.outdent == outdent, "\(text): \(line)")
    }

    @Test("notices are taken only while a line is edited, whole lines at a time")
    func notices() {
        let notices = LineNotices()
        #expect(!notices.post("early\n"))
        notices.open()
        #expect(notices.post("one\ntw"))
        #expect(notices.take() == "one\n")
        #expect(notices.post("o\n"))
        #expect(notices.take() == "two\n")
        #expect(notices.take() == "")
        #expect(notices.post("rest"))
        #expect(notices.close() == "rest")
        #expect(!notices.post("late\n"))
    }

    /// What is on the screen's line after a text was written to it.
    private func screen(_ text: String) -> String {
        var line: [Character] = []
        var column = 0
        for character in text {
            switch character {
            case "\r": column = 0
            case "\u{8}": column -= 1
            default:
                if column < line.count { line[column] = character } else { line.append(character) }
                column += 1
            }
        }
        return String(line).trimmingTrailingBlanks
    }

    @Test("a bar says how much, how fast and how long still, and never fills the line")
    func bar() {
        var bar = ProgressBar()
        var written = bar.shown(Progress("Exporting web01", fraction: 0, total: 100 << 20), at: 0, width: 100) ?? ""
        #expect(screen(written) == "Exporting web01 [........................] 0 %")
        #expect(
            bar.shown(Progress("Exporting web01", fraction: 0.01), at: 0.05, width: 100) == nil, "not more often than ten times a second")
        written += bar.shown(Progress("Exporting web01", fraction: 0.5), at: 10, width: 100) ?? ""
        #expect(screen(written) == "Exporting web01 [############............] 50 %  5.0 MB/s  0:10 left")
        written += bar.shown(Progress("Waiting for b", fraction: nil), at: 11, width: 100) ?? ""
        #expect(screen(written).hasSuffix("(and 1 more)"))
        let narrow = screen(bar.shown(Progress("Exporting web01", fraction: 0.6), at: 12, width: 50) ?? "")
        #expect(
            narrow.count <= 49 && narrow.contains("[#####...] 60 %") && narrow.hasPrefix("Exporting web01") && narrow.hasSuffix(" left"),
            "\(narrow)")
        written = bar.erased()
        #expect(screen(written) == "")
        bar.end("Exporting web01")
        #expect(screen(bar.shown(Progress("Waiting for b", fraction: nil), at: 75, width: 100) ?? "") == "Waiting for b  1:04")
        bar.end("Waiting for b")
        _ = bar.erased()
        #expect(bar.erased() == "")
    }

    @Test("what a scenario's process tells arrives as it was")
    func records() {
        let text = "tab\there\\n\nline \\ end"
        let all: [ScenarioRecord] = [
            .listed(text), .started(text), .passed(text, seconds: 1.5), .skipped(text, reason: text), .failed(text, seconds: 0, text: text),
            .stopped, .ended,
        ]
        for record in all {
            #expect(!record.line.contains("\n"))
            #expect(ScenarioRecord(line: record.line) == record)
        }
        #expect(ScenarioRecord(line: "") == nil && ScenarioRecord(line: "pass\tonly") == nil)
    }
}

extension String {
    fileprivate var trimmingTrailingBlanks: String {
        var text = self
        while text.hasSuffix(" ") { text.removeLast() }
        return text
    }
}
