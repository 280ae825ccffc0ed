import Cmdlets
import Testing

@Suite struct BinderTests {
    /// A cmdlet whose result is what was bound.
    private func context(_ parameters: [Parameter], sets: [Cmdlet.ParameterSet] = [.init("Default", shape: .one)]) -> TestContext {
        let names = parameters.map(\.name)
        return TestContext([
            Cmdlet(
                "Test", "Binding", synopsis: "Gives what was bound.", sets: sets, parameters: parameters,
                body: .perCall { invocation in
                    var record = Record()
                    record["Set"] = .string(invocation.parameterSet)
                    for name in names { if let value = invocation.argument(name) { record[name] = value } }
                    try invocation.emit(.record(record))
                })
        ])
    }

    private func bound(_ context: TestContext, _ arguments: RawArgument...) throws -> Record {
        try Pipeline.run([CommandCall("Test-Binding", arguments)], context: context).value.recordValue ?? Record()
    }

    private func error(_ context: TestContext, _ arguments: RawArgument...) -> ErrorRecord? {
        context.failure { _ = try Pipeline.run([CommandCall("Test-Binding", arguments)], context: context) }
    }

    private let common: [Parameter] = [
        Parameter("Name", .string, "A name.", aliases: ["Label"], position: 0, many: true),
        Parameter("Size", .bytes, "A size.", position: 1),
        Parameter("TurnOff", .switched, "A switch."),
        Parameter("TimeMode", .enumeration("TimeMode", ["Real", "Exact"]), "A word.", ours: true),
        Parameter("Count", .integer(1...8), "A number."),
    ]

    @Test func namesMatchByCaseAliasAndPrefix() throws {
        let context = context(common)
        #expect(try bound(context, .named("sIZE", .integer(5)))["Size"]?.integerValue == 5)
        #expect(try bound(context, .named("label", .string("a")))["Name"]?.text == "{a}")
        #expect(try bound(context, .flag("tu"))["TurnOff"]?.booleanValue == true)
        // The module's names come before ours: -T alone is -TurnOff, -Ti is -TimeMode.
        #expect(try bound(context, .flag("T"))["TurnOff"]?.booleanValue == true)
        #expect(try bound(context, .named("Ti", .string("exact")))["TimeMode"]?.text == "Exact")
    }

    @Test func aFlagTakesTheArgumentThatFollows() throws {
        let context = context(common)
        let record = try bound(context, .flag("Size"), .word("512MB"), .flag("TurnOff"), .word("web01"))
        #expect(record["Size"]?.integerValue == 512 << 20)
        #expect(record["Name"]?.text == "{web01}")
        #expect(error(context, .flag("Size"))?.identifier == "MissingArgument")
        #expect(try bound(context, .named("TurnOff", .boolean(false)))["TurnOff"]?.booleanValue == false)
    }

    @Test func unknownNamesSayTheNearest() {
        let context = context(common)
        let unknown = error(context, .flag("Sise"))
        #expect(unknown?.identifier == "NamedParameterNotFound")
        #expect(unknown?.message == "Test-Binding has no parameter “Sise”. Did you mean -Size?")
        #expect(error(context, .flag("E"))?.identifier == "AmbiguousParameter")
        #expect(error(context, .named("Size", .integer(1)), .named("size", .integer(2)))?.identifier == "ParameterAlreadyBound")
    }

    @Test func illTypedValuesSayWhatIsAccepted() {
        let context = context(common)
        #expect(
            error(context, .named("Count", .integer(9)))?.message == "Test-Binding -Count takes a whole number from 1 to 8; given was 9.")
        #expect(error(context, .named("Count", .number(1.5)))?.identifier == "ParameterArgumentTransformationError")
        #expect(error(context, .named("Size", .string("large")))?.message.contains("512MB") == true)
        #expect(error(context, .named("TimeMode", .string("Reel")))?.message.contains("Did you mean Real?") == true)
        #expect(error(context, .named("TurnOff", .string("maybe")))?.message.contains("$true or $false") == true)
    }

    @Test func whatIsWrittenButNilIsAnError() {
        let context = context(common)
        let named = error(context, RawArgument(name: "Name", .missing(variable: "VM", nearest: "vm")))
        #expect(named?.identifier == "ParameterArgumentNil")
        #expect(named?.message == "Test-Binding -Name: “VM” has no value (nil). Did you mean “vm”?")
        #expect(error(context, RawArgument(name: nil, .missing(variable: "x", nearest: nil)))?.message.contains("-Name") == true)
        #expect(error(context, .named("Name", .string("")))?.identifier == "ParameterArgumentEmpty")
        #expect(error(context, .named("Name", .list([.string("a"), .null])))?.identifier == "ParameterArgumentNil")
    }

    @Test func positionsAndWhatIsLeftOver() throws {
        let context = context(common)
        let record = try bound(context, .word("web01"), .word("1GB"))
        #expect(record["Size"]?.integerValue == 1 << 30)
        let extra = error(context, .word("a"), .word("1"), .word("b"))
        #expect(extra?.identifier == "PositionalParameterNotFound")
        #expect(extra?.message.contains("“b”") == true)
    }

    @Test func wholeFloatsAreIntegers() throws {
        #expect(try bound(context(common), .named("Size", .number(2_147_483_648.0)))["Size"]?.integerValue == 2 << 30)
    }

    private let inSets: [Parameter] = [
        Parameter("Name", .name(of: "Thing"), "A name.", sets: ["Name"], mandatory: true, position: 0, pipeline: .byValue, many: true),
        Parameter("Thing", .object("Thing"), "A thing.", sets: ["Object"], mandatory: true, position: 0, pipeline: .byValue, many: true),
        Parameter("Id", .guid, "An id.", sets: ["Id"], mandatory: true),
    ]
    private let threeSets: [Cmdlet.ParameterSet] = [
        .init("Name", isDefault: true, shape: .oneIfSingle(["Name"])), .init("Object", shape: .oneIfSingle(["Thing"])),
        .init("Id", shape: .one),
    ]

    @Test func theValueChoosesTheSet() throws {
        let context = context(inSets, sets: threeSets)
        #expect(try bound(context, .word("a"))["Set"]?.text == "Name")
        #expect(try bound(context, .positional(.thing("a")))["Set"]?.text == "Object")
        #expect(
            try bound(context, .named("Id", .string("0A1B2C3D-0000-0000-0000-000000000000")))["Id"]?.text
                == "0a1b2c3d-0000-0000-0000-000000000000")
        // An object is accepted wherever a name is.
        #expect(try bound(context, .named("Name", .thing("a")))["Set"]?.text == "Name")
    }

    @Test func conflictsAndMissingOnesAreExplained() {
        let context = context(inSets, sets: threeSets)
        let conflict = error(context, .named("Name", .string("a")), .named("Id", .string("0a1b2c3d-0000-0000-0000-000000000000")))
        #expect(
            conflict?.message
                == "Test-Binding: -Name and -Id do not go together, as each is for another way to call it (-Name: A name; -Id: An id).")
        let missing = error(context)
        #expect(missing?.identifier == "MissingMandatoryParameter")
        #expect(missing?.message == "Test-Binding needs -Name (A name).")
    }

    @Test func pipelineObjectsBindByValueThenByPropertyName() throws {
        let parameters = [
            Parameter("Thing", .object("Thing"), "A thing.", pipeline: .byValue),
            Parameter("Number", .integer(0...100), "A number.", pipeline: .byPropertyName),
        ]
        let context = context(parameters)
        let run: (Value) throws -> Record = { value in
            try Pipeline.run([CommandCall("Test-Binding")], input: .one(value), context: context).value.recordValue ?? Record()
        }
        #expect(try run(.thing("a", 7))["Number"]?.integerValue == 7)
        #expect(try run(.record(Record([("number", .string("9"))])))["Number"]?.integerValue == 9)
        let refused = context.failure { _ = try run(.string("text")) }
        #expect(refused?.identifier == "InputObjectNotBound")
    }

    @Test func noEffectWarnsOnceAndRefusedSaysWhy() {
        let context = context([
            Parameter("Old", .switched, "Old.", effect: .noEffect("there is none.")),
            Parameter("Job", .switched, "Job.", effect: .refused("jobs are not there yet")),
            Parameter("ComputerName", .computer, "Host.", many: true),
        ])
        #expect(error(context, .flag("Old")) == nil)
        #expect(error(context, .flag("Old")) == nil)
        #expect(context.testTerminal.error == "WARNING: Test-Binding -Old has no effect here: there is none.\n")
        #expect(error(context, .flag("Job"))?.message == "Test-Binding -Job is not accepted here: jobs are not there yet.")
        #expect(error(context, .named("Job", .boolean(false))) == nil)
        #expect(error(context, .named("ComputerName", .string("localhost"))) == nil)
        #expect(error(context, .named("ComputerName", .string("far.example")))?.identifier == "RemoteHostNotSupported")
    }
}
