import Cmdlets
import Testing

@Suite struct ObjectCmdletTests {
    let context = TestContext()
    let things: PipelineInput = .many([.thing("web01", 3), .thing("db01", 1), .thing("Web02", 2)])

    private func run(_ name: String, _ arguments: RawArgument..., input: PipelineInput? = nil) throws -> [String] {
        try Pipeline.run([CommandCall(name, arguments)], input: input ?? things, context: context).values.map(\.text)
    }

    @Test func whereComparesWithTheLeftSidesType() throws {
        #expect(try run("where", .word("Number"), .flag("gt"), .word("1")) == ["web01", "Web02"])
        #expect(try run("?", .word("Name"), .flag("like"), .word("web*")) == ["web01", "Web02"])
        #expect(try run("?", .word("Name"), .flag("clike"), .word("web*")) == ["web01"])
        #expect(try run("?", .word("Name"), .flag("eq"), .word("WEB01")) == ["web01"])
        #expect(try run("?", .word("Name"), .flag("in"), .positional(.list([.string("DB01"), .string("x")]))) == ["db01"])
        #expect(try run("?", .word("Name"), .flag("match"), .word("B0")) == ["web01", "db01", "Web02"])
        let error = context.failure { _ = try run("?", .word("Nam"), .flag("eq"), .word("x")) }
        #expect(error?.message.contains("Did you mean Name?") == true)
    }

    @Test func sortIsStableAndReadsByType() throws {
        #expect(try run("sort", .word("Number")) == ["db01", "Web02", "web01"])
        #expect(try run("sort", .word("Name"), .flag("Descending")) == ["Web02", "web01", "db01"])
        let calculated = Value.record(
            Record([("e", .code { .integer(-(try PropertyReader.property("Number", of: $0)?.integerValue ?? 0)) })]))
        #expect(try run("sort", .positional(calculated)) == ["web01", "Web02", "db01"])
        #expect(try run("sort", .flag("Unique"), input: .many([.integer(2), .integer(1), .integer(2)])) == ["1", "2"])
    }

    @Test func selectTakesPropertiesAndPlaces() throws {
        let half = Value.record(
            Record([
                ("n", .string("Half")), ("e", .code { .number((try PropertyReader.property("Number", of: $0)?.numberValue ?? 0) / 2) }),
            ]))
        let result = try Pipeline.run(
            [CommandCall("select", [.positional(.list([.string("name"), half]))])], input: things, context: context)
        #expect(result.values.first?.recordValue?.fields.map(\.name) == ["name", "Half"])
        #expect(result.values.first?.recordValue?["half"]?.numberValue == 1.5)
        #expect(try run("select", .named("Skip", .integer(1))) == ["db01", "Web02"])
        #expect(try run("select", .named("Last", .integer(2))) == ["db01", "Web02"])
        #expect(try run("select", .named("Last", .integer(1)), .named("Skip", .integer(1))) == ["db01"])
        #expect(try run("select", .named("ExpandProperty", .string("Number"))) == ["3", "1", "2"])
        #expect(try run("select", .flag("Unique"), input: .many([.integer(1), .integer(1), .integer(2)])) == ["1", "2"])
    }

    @Test func groupAndMeasure() throws {
        let parity = Value.code { .boolean((try PropertyReader.property("Number", of: $0)?.integerValue ?? 0) % 2 == 0) }
        let groups = try Pipeline.run([CommandCall("group", [.positional(parity)])], input: things, context: context).values
        #expect(groups.map { $0.recordValue?["Count"]?.integerValue } == [2, 1])
        let measured = try Pipeline.run(
            [CommandCall("measure", [.word("Number"), .flag("Average"), .flag("Maximum")])], input: things, context: context
        ).value.recordValue
        #expect(measured?["Average"]?.numberValue == 2)
        #expect(measured?["Maximum"]?.integerValue == 3)
    }

    @Test func forEachFlattensAndSkipsNil() throws {
        let block = Value.code { value in
            value.text == "db01" ? .null : .list([.string(value.text), .string("!")])
        }
        #expect(try run("%", .positional(block)) == ["web01", "!", "Web02", "!"])
    }

    @Test func writeHostWarningAndError() throws {
        _ = try context.call("Write-Host", .word("a"), .word("2"), .flag("NoNewline"))
        #expect(context.testTerminal.hostText == "a 2")
        _ = try context.call("Write-Warning", .word("careful"))
        #expect(context.testTerminal.error == "WARNING: careful\n")
        let error = context.failure { _ = try context.call("Write-Error", .word("no"), .named("ErrorId", .string("NoName"))) }
        #expect(error?.identifier == "NoName")
    }

    @Test func getCommandDescribesParameters() throws {
        let command = try context.call("Get-Command", .word("spvm")).value.recordValue
        #expect(command?["Name"]?.text == "Stop-VM")
        let parameter = command?["Parameters"]?.elements.first { $0.recordValue?["Name"]?.text == "Name" }?.recordValue
        #expect(parameter?["Type"]?.text == "String[]")
        #expect(parameter?["Position"]?.integerValue == 0)
        #expect(parameter?["Aliases"]?.text == "{VMName}")
        let names = try context.call("Get-Command", .named("Noun", .string("VM"))).values.map { $0.recordValue?["Name"]?.text ?? "" }
        #expect(names.allSatisfy { $0.hasSuffix("-VM") } && Set(["Get-VM", "Checkpoint-VM", "Wait-VM"]).isSubset(of: names))
        #expect(context.failure { _ = try context.call("Get-Command", .word("Get-VMM")) }?.identifier == "CommandNotFound")
    }

    @Test func helpKnowsCmdletsTopicsAndNearNames() throws {
        #expect(try context.call("Get-Help", .word("Stop-VM")).value.text.contains("shutdown") == false)
        #expect(try context.call("Get-Help", .word("Stop-VM")).value.text.contains("DIFFERENT FROM THE MODULE"))
        #expect(try context.call("Get-Help", .word("about_language")).value.text.contains("COMMAND FORM"))
        #expect(context.failure { _ = try context.call("Get-Help", .word("Stopp-VM")) }?.message.contains("Stop-VM") == true)
    }
}
