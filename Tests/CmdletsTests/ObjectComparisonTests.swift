import Cmdlets
import Testing

/// Compare-Object, Select-String, Format-Wide.
@Suite struct ObjectComparisonTests {
    let context = TestContext()

    private func list(_ texts: String...) -> Value { .list(texts.map { .string($0) }) }

    private func compare(_ left: Value, _ right: Value, _ more: RawArgument...) throws -> [String] {
        try Pipeline.run(
            [CommandCall("Compare-Object", [.named("ReferenceObject", left), .named("DifferenceObject", right)] + more)], context: context
        ).values.map { "\($0.recordValue?["SideIndicator"]?.text ?? "")\($0.recordValue?["InputObject"]?.text ?? $0.text)" }
    }

    @Test func sides() throws {
        #expect(try compare(list("a", "b"), list("b", "c")) == ["=>c", "<=a"])
        #expect(try compare(list("a", "b"), list("B"), .flag("IncludeEqual")) == ["==b", "<=a"])
        #expect(try compare(list("a"), list("A"), .flag("CaseSensitive")) == ["=>A", "<=a"])
        #expect(try compare(list("a", "a"), list("a")) == ["<=a"])
        #expect(try compare(list("a", "b"), list("b", "a")) == [])
        #expect(try compare(list("a", "b"), list("a"), .flag("ExcludeDifferent"), .flag("PassThru")) == ["a"])
    }

    @Test func byProperty() throws {
        func rows(_ numbers: Int64...) -> Value { .list(numbers.map { .record(Record([("n", .integer($0)), ("x", .string("y"))])) }) }
        let values = try context.call(
            "Compare-Object", .named("ReferenceObject", rows(1, 2)), .named("DifferenceObject", rows(2, 3)),
            .named("Property", .string("n"))
        ).values.compactMap(\.recordValue)
        #expect(values.map { "\($0["SideIndicator"]?.text ?? "")\($0["n"]?.text ?? "")" } == ["=>3", "<=1"])
    }

    @Test func thousandsAreComparedQuickly() throws {
        let many = Value.list((0..<20_000).map { .integer(Int64($0)) })
        let other = Value.list((0..<20_000).reversed().map { .integer(Int64($0)) })
        #expect(try compare(many, other).isEmpty)
    }

    @Test func linesThatMatch() throws {
        func find(_ arguments: RawArgument...) throws -> PipelineResult {
            try Pipeline.run(
                [CommandCall("Select-String", arguments)], input: .many([.string("One\ntwo"), .string("three one")]), context: context)
        }
        let found = try find(.named("Pattern", .string("one")), .flag("SimpleMatch")).values.compactMap(\.recordValue)
        #expect(found.map { $0["LineNumber"]?.integerValue } == [1, 3])
        #expect(found.map { $0["Line"]?.text } == ["One", "three one"])
        #expect(
            try find(.named("Pattern", .string("one")), .flag("SimpleMatch"), .flag("CaseSensitive"), .flag("Raw")).values.map(\.text) == [
                "three one"
            ])
        #expect(
            try find(.named("Pattern", .string("w")), .flag("SimpleMatch"), .flag("NotMatch"), .flag("Raw")).values.map(\.text) == [
                "One", "three one",
            ])
        #expect(try find(.named("Pattern", .string("four")), .flag("SimpleMatch"), .flag("Quiet")).value.booleanValue == false)
        #expect(
            try find(.named("Pattern", .list([.string("four"), .string("tw")])), .flag("SimpleMatch"), .flag("Quiet")).value.booleanValue
                == true)
    }

    @Test func wide() throws {
        let values = (1...5).map { Value.record(Record([("Name", .string("n\($0)"))])) }
        #expect(
            try context.shown(CommandCall("Format-Wide", [.named("Column", .integer(3))]), input: .many(values)) == "n1 n2 n3\nn4 n5\n\n")
    }
}
