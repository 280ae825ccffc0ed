import Cmdlets
import Testing

@Suite struct ViewTests {
    private func row(_ name: String, _ state: String, _ memory: Int64, _ uptime: TimeSpan) -> Value {
        .record(
            Record(
                typeName: "VirtualMachine",
                [
                    ("Name", .string(name)), ("State", .string(state)), ("CPUUsage", .integer(7)), ("MemoryAssigned", .integer(memory)),
                    ("Uptime", .duration(uptime)), ("Status", .string("Operating normally")), ("Version", .string("1.0")),
                ]))
    }

    private func shown(_ context: TestContext, _ values: [Value], shape: ResultShape = .many) throws -> String {
        try Display.show(result: PipelineResult(values: values, shape: shape), context)
        return context.testTerminal.takeOutput()
    }

    @Test func theModulesColumns() throws {
        let values = [row("web01", "Running", 512 << 20, TimeSpan(seconds: 3723.5)), row("database", "Off", 0, TimeSpan(ticks: 0))]
        #expect(
            try shown(TestContext(), values) == """
                Name     State   CPUUsage(%) MemoryAssigned(M)           Uptime Status             Version
                ----     -----   ----------- -----------------           ------ ------             -------
                web01    Running           7               512 01:02:03.5000000 Operating normally 1.0
                database Off               7                 0         00:00:00 Operating normally 1.0


                """)
    }

    @Test func aTerminalCutsWhatDoesNotFit() throws {
        let value = Value.record(Record([("Name", .string("a-rather-long-name")), ("Text", .string(String(repeating: "x", count: 40)))]))
        #expect(
            try shown(TestContext(width: 40), [value]) == """
                Name               Text
                ----               ----
                a-rather-long-name xxxxxxxxxxxxxxxxxxxx…


                """)
        #expect(try shown(TestContext(), [value]).contains(String(repeating: "x", count: 40)))
    }

    @Test func consecutiveObjectsShareAHeaderAndTextStandsBetween() throws {
        let a = Value.record(Record([("A", .integer(1))]))
        let text = try shown(TestContext(), [a, a, .string("text"), a])
        #expect(text == "A\n-\n1\n1\n\ntext\nA\n-\n1\n\n")
    }

    @Test func guestsControlCharactersAreEscaped() throws {
        let hostile = "\u{1b}[2Jboo\u{9b}\u{202e}"
        #expect(try shown(TestContext(), [.string(hostile)]) == "\\x1b[2Jboo\\x9b\\u{202e}\n")
        #expect(try shown(TestContext(), [.record(Record([("A", .string("x\ny"))]))]).contains("x\\ny"))
        #expect(try JSONText.encode(.string("\u{1b}\u{7f}\"")) == "\"\\u001b\\u007f\\\"\"")
    }

    @Test func jsonIsAnArrayExactlyWhenTheShapeIsMany() throws {
        let record = Value.record(Record([("Name", .string("a")), ("Up", .duration(TimeSpan(seconds: 60)))]))
        let context = TestContext(format: .json)
        #expect(try shown(context, [record], shape: .one) == "{\"Name\":\"a\",\"Up\":\"00:01:00\"}\n")
        #expect(try shown(context, [record]) == "[{\"Name\":\"a\",\"Up\":\"00:01:00\"}]\n")
        #expect(try shown(context, []) == "[]\n")
        #expect(try shown(context, [], shape: .one) == "null\n")
        #expect(try shown(context, [], shape: .nothing) == "")
    }

    @Test func prettyJsonAndDepth() throws {
        let inner = Value.record(Record([("B", .list([.integer(1), .number(2.5), .boolean(true), .null]))]))
        let outer = Value.record(Record([("A", inner), ("E", .list([])), ("T", .thing("x", 1))]))
        #expect(
            try JSONText.encode(outer, pretty: true) == """
                {
                  "A": {
                    "B": [
                      1,
                      2.5,
                      true,
                      null
                    ]
                  },
                  "E": [],
                  "T": {
                    "Name": "x",
                    "Number": 1
                  }
                }
                """)
        #expect(try JSONText.encode(outer, depth: 0).contains("\"T\":\"x\""))
    }

    @Test func convertToJsonFollowsTheCall() throws {
        let context = TestContext()
        #expect(
            try context.call("ConvertTo-Json", .flag("Compress"), input: .one(.thing("x", 1))).value.text == "{\"Name\":\"x\",\"Number\":1}"
        )
        #expect(
            try context.call("ConvertTo-Json", .flag("Compress"), input: .many([.thing("x", 1)])).value.text
                == "[{\"Name\":\"x\",\"Number\":1}]")
        #expect(try context.call("ConvertTo-Json", input: .many([])).value.text == "[]")
    }

    @Test func csvQuotesEveryField() throws {
        let context = TestContext(format: .csv)
        #expect(try shown(context, [.thing("a\"b", 1), .thing("c", 2)]) == "\"Name\",\"Number\"\n\"a\"\"b\",\"1\"\n\"c\",\"2\"\n")
    }

    @Test func formatTableAndListWithChosenProperties() throws {
        let context = TestContext()
        let doubled = Value.record(
            Record([
                ("n", .string("Twice")), ("e", .code { .integer(2 * (try PropertyReader.property("Number", of: $0)?.integerValue ?? 0)) }),
            ]))
        let things: PipelineInput = .many([.thing("a", 1), .thing("bb", 20)])
        #expect(
            try context.shown(CommandCall("ft", [.positional(.list([.string("Name"), doubled])), .flag("AutoSize")]), input: things) == """
                Name Twice
                ---- -----
                a        2
                bb      40


                """)
        #expect(
            try context.shown(CommandCall("fl"), input: things) == """
                Name   : a
                Number : 1

                Name   : bb
                Number : 20


                """)
    }

    @Test func outStringGivesWhatWouldBeShown() throws {
        #expect(
            try TestContext().call("Out-String", input: .many([.thing("a", 1)])).value.text == "Name Number\n---- ------\na         1\n\n")
    }
}
