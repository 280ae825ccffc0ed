import Basics
import Cmdlets
import Synchronization
import Testing

@Suite struct PipelineTests {
    /// A verb on things: those whose name begins with "bad" fail.
    private static func verb(_ log: Log = Log()) -> Cmdlet {
        Cmdlet(
            "Test", "Thing", synopsis: "Works on things.",
            sets: [.init("Default", shape: .oneIfSingle(["Thing"]))],
            parameters: [Parameter("Thing", .object("Thing"), "Things.", mandatory: true, position: 0, pipeline: .byValue, many: true)],
            output: "Thing", shouldProcess: true,
            body: .perTarget(parameters: ["Thing"]) { invocation, target in
                log.add(target.displayName)
                if target.displayName.hasPrefix("bad") {
                    throw ErrorRecord("\(target.displayName) is bad.", "BadThing", .invalidData, target: target.displayName)
                }
                invocation.verbose("did \(target.displayName)")
                try invocation.emit(.object(target))
            })
    }

    final class Log: Sendable {
        private let names = Mutex<[String]>([])
        func add(_ name: String) { names.withLock { $0.append(name) } }
        var all: [String] { names.withLock { $0 } }
    }

    private func names(_ values: [Value]) -> [String] { values.map(\.text) }

    @Test func shapeFollowsTheCallNotTheCount() throws {
        let context = TestContext(Catalogue.builtIn + [Self.verb()])
        #expect(try context.call("Test-Thing", .positional(.thing("a"))).shape == .one)
        #expect(try context.call("Test-Thing", .positional(.list([.thing("a")]))).shape == .many)
        #expect(try context.call("Test-Thing", .positional(.list([]))).values.isEmpty)
        #expect(try context.call("Test-Thing", input: .one(.thing("a"))).shape == .one)
        #expect(try context.call("Test-Thing", input: .many([.thing("a")])).shape == .many)
        func shape(_ stages: [CommandCall], _ input: PipelineInput) throws -> ResultShape {
            try Pipeline.run(stages, input: input, context: context).shape
        }
        let filter = CommandCall("Where-Object", [.positional(.code { _ in .boolean(true) })])
        #expect(try shape([filter], .one(.thing("a"))) == .many)
        #expect(try shape([CommandCall("%", [.word("Name")])], .one(.thing("a"))) == .one)
        #expect(try shape([CommandCall("select", [.word("Name")])], .many([.thing("a")])) == .many)
        #expect(try shape([filter, CommandCall("select", [.flag("First"), .positional(.integer(1))])], .many([.thing("a")])) == .one)
        #expect(try shape([CommandCall("ConvertTo-Json")], .many([])) == .one)
        #expect(try shape([CommandCall("Out-Null")], .many([])) == .nothing)
    }

    @Test func resultsKeepTheOrderOfTheInput() throws {
        let things = (0..<100).map { Value.thing("t\($0)") }
        let context = TestContext([Self.verb()])
        let result = try context.call("Test-Thing", .named("ThrottleLimit", .integer(8)), input: .many(things))
        #expect(names(result.values) == (0..<100).map { "t\($0)" })
    }

    @Test func oneFailureOfACallIsRaisedItselfSeveralTogether() {
        let log = Log()
        let context = TestContext([Self.verb(log)])
        let one = context.failure { _ = try context.call("Test-Thing", .positional(.list([.thing("a"), .thing("bad"), .thing("c")]))) }
        #expect(one?.identifier == "BadThing")
        #expect(one.map { names($0.results) } == ["a", "c"])
        #expect(Set(log.all) == ["a", "bad", "c"], "a call does all it can")
        let several = context.failure {
            _ = try context.call("Test-Thing", .positional(.list([.thing("bad1"), .thing("b"), .thing("bad2")])))
        }
        #expect(several?.identifier == "MultipleFailures")
        #expect(several?.errors.map(\.identifier) == ["BadThing", "BadThing"])
    }

    @Test func continueShowsAndGoesOn() throws {
        let context = TestContext([Self.verb()], errorAction: .continue)
        let result = try context.call("Test-Thing", .positional(.list([.thing("bad"), .thing("b")])))
        #expect(names(result.values) == ["b"])
        #expect(context.kept.withLock { $0.shown.map(\.message) } == ["bad is bad."])
        let quiet = try context.call(
            "Test-Thing", .named("ea", .string("SilentlyContinue")), .named("ev", .string("+e")), .positional(.thing("bad")))
        #expect(quiet.value.isNull)
        #expect(context.kept.withLock { $0.shown.count } == 1)
        #expect(context.kept.withLock { $0.recorded.count } == 2)
        let assigned = context.kept.withLock { $0.assigned.last }
        #expect(assigned?.name == "e")
        #expect(assigned?.appending == true)
        #expect(assigned?.value.elements.count == 1)
    }

    @Test func afterAFailureInAPipelineTheRestIsLeftAloneAndNamed() {
        let log = Log()
        let context = TestContext([Self.verb(log)])
        let error = context.failure {
            _ = try context.call(
                "Test-Thing", .named("ThrottleLimit", .integer(1)), input: .many([.thing("a"), .thing("bad"), .thing("c"), .thing("d")]))
        }
        #expect(error?.notStarted == ["d"] || error?.notStarted == ["c", "d"])
        #expect(error?.message.contains("Left alone:") == true)
        #expect(!log.all.contains("d"))
    }

    @Test func aStageThatHasEnoughStopsThoseBeforeIt() throws {
        let seen = Log()
        let source = Cmdlet(
            "Get", "Number", synopsis: "Counts without end.", sets: [.init("Default", shape: .many)], parameters: [],
            body: .perCall { invocation in
                var number: Int64 = 0
                while true {
                    number += 1
                    seen.add("\(number)")
                    try invocation.emit(.integer(number))
                }
            })
        let context = TestContext(Catalogue.builtIn + [source])
        let result = try Pipeline.run(
            [CommandCall("Get-Number"), CommandCall("select", [.named("First", .integer(3))]), CommandCall("measure", [.flag("Sum")])],
            context: context)
        #expect(result.value.recordValue?["Sum"]?.integerValue == 6)
        #expect(seen.all.count == 3)
    }

    @Test func confirmationAsksOrFailsBeforeAnythingIsTouched() throws {
        let log = Log()
        var asking = Self.verb(log)
        asking.confirms = .always("will be gone.")
        let quiet = TestContext([asking])
        let error = quiet.failure { _ = try quiet.call("Test-Thing", .positional(.thing("a"))) }
        #expect(error?.identifier == "ConfirmationRequired")
        #expect(error?.recommendedAction?.contains("-Confirm:$false") == true)
        #expect(log.all.isEmpty)
        _ = try quiet.call("Test-Thing", .positional(.thing("a")), .named("Confirm", .boolean(false)))
        #expect(log.all == ["a"])
        let person = TestContext([asking], answers: ["N", "Y", "A"])
        let things = ["b", "c", "d", "e"].map { Value.thing($0) }
        #expect(names(try person.call("Test-Thing", .positional(.list(things))).values) == ["c", "d", "e"])
        #expect(person.testTerminal.questions.first == "Test-Thing: b will be gone.")
        #expect(person.testTerminal.questions.count == 3)
        let careless = TestContext([asking], confirm: .none)
        #expect(try careless.call("Test-Thing", .positional(.thing("z"))).values.count == 1)
    }

    @Test func whatIfSaysAndDoesNothing() throws {
        let log = Log()
        let context = TestContext([Self.verb(log)])
        _ = try context.call("Test-Thing", .positional(.thing("a")), .flag("WhatIf"))
        #expect(log.all.isEmpty)
        #expect(context.testTerminal.hostText == "What if: Performing the operation \"Test-Thing\" on target \"a\".\n")
    }

    @Test func verboseAndOutVariable() throws {
        let context = TestContext([Self.verb()])
        _ = try context.call("Test-Thing", .positional(.list([.thing("a"), .thing("b")])), .flag("Verbose"), .named("ov", .string("o")))
        #expect(context.testTerminal.error == "VERBOSE: did a\nVERBOSE: did b\n")
        #expect(context.kept.withLock { $0.assigned.last?.value.elements.map(\.text) } == ["a", "b"])
    }

    @Test func aBlocksErrorPassesThroughUnchanged() throws {
        struct LuaError: Error, Equatable { var line = 7 }
        let context = TestContext()
        #expect(throws: LuaError()) {
            _ = try context.call("ForEach-Object", .positional(.code { _ in throw LuaError() }), input: .many([.integer(1)]))
        }
    }

    @Test func cancellationPassesEverything() {
        let context = TestContext(Catalogue.builtIn + [Self.verb()])
        context.kept.withLock { $0.isCancelled = true }
        #expect(throws: Cancellation.self) { try context.call("Start-Sleep", .positional(.integer(1000))) }
    }
}

@Suite struct PipelineFailureTests {
    /// What a later stage cannot take is raised as such, not as a failure of the stage before it.
    @Test func whatALaterStageCannotTakeEndsThePipeline() {
        let source = Cmdlet(
            "Get", "Word", synopsis: "Gives a word.", sets: [.init("Default", shape: .many)], parameters: [],
            body: .perCall { try $0.emit(.integer(1)) })
        let context = TestContext(Catalogue.builtIn + [source], errorAction: .continue)
        let error = context.failure {
            _ = try Pipeline.run(
                [CommandCall("Get-Word"), CommandCall("Get-VMHost", [.named("ComputerName", .string("."))])], context: context)
        }
        #expect(error?.identifier == "InputObjectNotBound")
        #expect(context.kept.withLock { $0.shown.isEmpty })
    }

    /// A long session runs many pipelines: nothing of one stays.
    @Test func aPipelineLeavesNothingBehind() throws {
        weak var left: TestContext?
        do {
            let context = TestContext()
            left = context
            let stages = [
                CommandCall("Where-Object", [.word("Number"), .flag("ge"), .word("1")]), CommandCall("sort", [.word("Name")]),
                CommandCall("ft"),
            ]
            _ = try Pipeline.run(stages, input: .many([.thing("a", 1), .thing("b", 2)]), context: context)
        }
        #expect(left == nil)
    }

    @Test func aCataloguesMakingIsQuick() {
        let clock = ContinuousClock()
        let first = clock.measure { _ = Catalogue() }
        #expect(first < .milliseconds(50))
        print("catalogue: \(first)")
    }
}
