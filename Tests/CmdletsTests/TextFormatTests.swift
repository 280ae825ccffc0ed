import Basics
import Cmdlets
import Testing

/// JSON and CSV, there and back.
@Suite struct TextFormatTests {
    let context = TestContext()

    private func value(ofJSON text: String) throws -> Value {
        try context.call("ConvertFrom-Json", input: .one(.string(text))).value
    }

    private func json(_ value: Value) throws -> String {
        let result = try context.call(
            "ConvertTo-Json", .named("Compress", .boolean(true)), .named("Depth", .integer(100)), .named("InputObject", value))
        return result.value.text
    }

    @Test(arguments: [
        "null", "true", "0", "-17", "1.5", "-1e+30", "9223372036854775807", #""""#, #""a\"b\\c\nd\te""#, #""äöü€😀""#, "[]", "[1,[2,[3]]]",
        "{}",
        #"{"Name":"web01","List":[1,2],"Inner":{"A":null,"B":false}}"#, #"{"b":1,"a":2}"#,
    ])
    func jsonComesBack(_ text: String) throws {
        let read = try value(ofJSON: text)
        let written = try json(read)
        #expect(try json(value(ofJSON: written)) == written)
        if !text.contains("e+"), text != "[]" { #expect(written == text) }
    }

    @Test(arguments: [
        (#""\u0041\u00e9\ud83d\ude00""#, "Aé😀"), (#""\ud83d""#, "\u{fffd}"), (#""\/\b\f""#, "/\u{8}\u{c}"),
    ])
    func escapes(_ text: String, _ expected: String) throws { #expect(try value(ofJSON: text).stringValue == expected) }

    @Test(arguments: [
        ("", "line 1, column 1: expected is a value, found was the end"), ("{", "a name in double quotes"),
        ("{\"a\" 1}", "`:` after a name"),
        ("[1,]", "a value"), ("[1 2]", "`,` or `]`"), ("{\"a\":1,}", "a name in double quotes"), ("01", "without leading zeros"),
        ("1.", "a digit"),
        ("\"a", "at the end of a string"), ("\"a\nb\"", "line 1, column 3"), ("{\n  \"a\": tru\n}", "line 2, column 8"),
        ("1 2", "one value only"),
        ("\"\\x\"", "one of"), ("nul", "`null`"), ("'a'", "a value"), (String(repeating: "[", count: 5000), "nested more than 1024"),
    ])
    func brokenJSONSaysWhere(_ text: String, _ message: String) {
        let error = context.failure { _ = try value(ofJSON: text) }
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "no error")")
    }

    @Test func anArrayIsAListAndGoesOnValueByValue() throws {
        guard case .list(let values) = try value(ofJSON: "[7]") else { return #expect(Bool(false), "a list") }
        #expect(values.count == 1)
        let result = try Pipeline.run(
            [CommandCall("ConvertFrom-Json"), CommandCall("Measure-Object")], input: .one(.string("[1,2,3]")), context: context)
        #expect(result.value.recordValue?["Count"]?.integerValue == 3)
    }

    @Test func nullKeepsItsPlaceInAnArray() throws {
        let result = try Pipeline.run(
            [CommandCall("ConvertFrom-Json"), CommandCall("ConvertTo-Json", [.flag("Compress")])], input: .one(.string("[1,null,{}]")),
            context: context)
        #expect(result.value.text == "[1,null,{}]")
        let whole = try context.call("ConvertTo-Json", .flag("Compress"), input: .many([.null, .integer(2)])).value.text
        #expect(whole == "[null,2]")
    }

    @Test(arguments: [("a,b\n\"1,2\n3,4\n", 2), ("a,b\n1,2\n3,\"4", 3), ("\"a", 1)])
    func aQuotationMarkWithoutAnEndIsAnError(_ text: String, _ line: Int) {
        let error = context.failure { _ = try table(text) }
        #expect(error?.identifier == "CsvInvalid")
        #expect(error?.message.contains("line \(line) has no end") == true)
    }

    private func table(_ text: String, _ arguments: RawArgument...) throws -> [Record] {
        try Pipeline.run([CommandCall("ConvertFrom-Csv", arguments)], input: .one(.string(text)), context: context).values
            .compactMap(\.recordValue)
    }

    @Test func csvComesBack() throws {
        let hard = ["plain", "with, comma", "with \"quotes\"", "two\nlines", "", " spaces ", "ümläut", "'single'"]
        let records = hard.map { Value.record(Record([("A", .string($0)), ("B", .string("x" + $0))])) }
        let lines = try context.call("ConvertTo-Csv", input: .many(records)).values.map(\.text)
        let back = try table(lines.joined(separator: "\n"))
        #expect(back.map { $0["A"]?.text ?? "" } == hard)
        #expect(back.map { $0["B"]?.text ?? "" } == hard.map { "x" + $0 })
    }

    @Test(arguments: [
        ("a,b\n1,2\n3,4", ["1|2", "3|4"]), ("a,b\r\n1,2\r\n", ["1|2"]), ("a,b\n1\n", ["1|"]), ("a,b\n1,2,3\n", ["1|2"]),
        ("#TYPE X\na,b\n1,2", ["1|2"]),
        ("a,b\n\"x,\"\"y\"\"\",2", ["x,\"y\"|2"]), ("a,b", []), ("", []), ("a,b\n\n1,2\n\n", ["1|2"]),
    ])
    func csvIsReadAsPowerShellDoes(_ text: String, _ rows: [String]) throws {
        #expect(try table(text).map { "\($0["a"]?.text ?? "")|\($0["b"]?.text ?? "")" } == rows)
    }

    @Test func csvOptions() throws {
        #expect(
            try table("1;2", .named("Delimiter", .string(";")), .named("Header", .list([.string("x"), .string("y")]))).first?["y"]?.text
                == "2")
        let error = context.failure { _ = try table("a,A\n1,2") }
        #expect(error?.message.contains("“A” is there twice") == true)
        let tooLong = context.failure { _ = try table("a", .named("Delimiter", .string("ab"))) }
        #expect(tooLong?.message.contains("takes one character") == true)
    }

    @Test(arguments: [("Always", "\"a\",\"b,\""), ("AsNeeded", "a,\"b,\""), ("Never", "a,b,")])
    func quotes(_ kind: String, _ line: String) throws {
        let record = Value.record(Record([("x", .string("a")), ("y", .string("b,"))]))
        let lines = try context.call("ConvertTo-Csv", .named("UseQuotes", .string(kind)), input: .many([record])).values.map(\.text)
        #expect(lines.last == line)
    }
}
