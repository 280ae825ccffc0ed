import Basics
import Cmdlets
import Testing

/// Colours, formats, -InformationVariable.
@Suite struct DisplayTests {
    private func rows(_ states: String...) -> [Value] { states.map { .record(Record([("Name", .string("a")), ("State", .string($0))])) } }

    @Test func statesHaveColoursOnATerminalOnly() throws {
        let context = TestContext(width: 80, colours: true)
        let output = try context.shown(input: .many(rows("Running", "Off", "PausedCritical", "Other")))
        let lines = output.split(separator: "\n").map(String.init)
        #expect(lines[0] == "Name State")
        #expect(lines[2] == "a    \u{1b}[32mRunning\u{1b}[0m")
        #expect(lines[3].contains("\u{1b}[2mOff"))
        #expect(lines[4].contains("\u{1b}[31mPausedCritical"))
        #expect(lines[5] == "a    Other")
        let plain = TestContext()
        #expect(try plain.shown(CommandCall("Format-Table"), input: .many(rows("Running"))).contains("\u{1b}") == false)
    }

    @Test(arguments: [
        ("N2", "1,234,567.89"), ("F0", "1234568"), ("{0:N0} GB", "1,234,568 GB"), ("0.0", "1234567.9"), ("{0}", "1234567.89"),
        ("?", "1234567.89"),
    ])
    func formats(_ format: String, _ shown: String) throws {
        let property = Value.record(Record([("Name", .string("x")), ("Expression", .string("v")), ("FormatString", .string(format))]))
        let context = TestContext()
        let text = try context.shown(
            CommandCall("Format-Table", [.named("Property", property), .flag("HideTableHeaders")]),
            input: .one(.record(Record([("v", .number(1234567.89))]))))
        #expect(text.split(separator: "\n").first.map { $0.filter { $0 != " " } == shown.filter { $0 != " " } } == true, "\(text)")
    }

    @Test func wholeNumbersFormat() throws {
        let context = TestContext()
        for (format, shown) in [("X4", "00FF"), ("D5", "00255"), ("P0", "25,500 %")] {
            let property = Value.record(Record([("Name", .string("x")), ("Expression", .string("v")), ("FormatString", .string(format))]))
            let text = try context.shown(
                CommandCall("Format-List", [.named("Property", property)]), input: .one(.record(Record([("v", .integer(255))]))))
            #expect(text.contains("x : \(shown)"), "\(text)")
        }
    }

    @Test func informationIsKept() throws {
        let context = TestContext()
        _ = try context.call("Write-Host", .positional(.string("seen")), .named("InformationVariable", .string("i")))
        _ = try context.call(
            "Write-Host", .positional(.string("unseen")), .named("InformationAction", .string("SilentlyContinue")),
            .named("InformationVariable", .string("+i")))
        let assigned = context.kept.withLock { $0.assigned }
        #expect(assigned.map { $0.value.elements.map(\.text) } == [["seen"], ["unseen"]])
        #expect(assigned.last?.appending == true)
    }
}
