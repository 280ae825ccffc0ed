import Basics
import Cmdlets
import Management

/// A session that forgets everything, over a store that is not there.
final class FuzzContext: ExecutionContext {
    let catalogue: Catalogue
    let terminal: any Terminal = SilentTerminal()
    let preferences = Preferences(errorAction: .stop)
    let outputFormat = OutputFormat.table
    let jobs = JobTable()
    let host = VirtualMachineHost(storePath: "/nonexistent/store", starter: NoStarter())

    init(_ cmdlets: [Cmdlet] = Catalogue.builtIn) { catalogue = Catalogue(cmdlets) }

    func record(_ error: ErrorRecord) {}
    func show(_ error: ErrorRecord) {}
    func assign(variable: String, value: Value, appending: Bool) {}
    func checkCancelled() throws {}
    func matcher(_ pattern: String, ignoringCase: Bool) throws -> any PatternMatcher { NoMatch() }

    /// One cmdlet over one text.
    func call(_ name: String, _ arguments: [RawArgument], _ text: String) throws -> Value {
        try Pipeline.run([CommandCall(name, arguments)], input: .one(.string(text)), context: self).value
    }

    private final class NoMatch: PatternMatcher {
        func firstMatch(in text: String) throws -> (range: Range<Int>, groups: [String?])? { nil }
    }

    private struct NoStarter: WorkerStarter {
        func start(_ launch: WorkerLaunch) throws -> Int32 { throw Cancellation() }
    }

    private final class SilentTerminal: Terminal {
        var isInteractive: Bool { false }
        var width: Int? { nil }
        func writeOutput(_ text: String) {}
        func write(_ text: String) {}
        func writeError(_ text: String) {}
        func ask(_ question: String, choices: [(key: Character, meaning: String)]) -> Character? { nil }
        func progress(_ activity: String, fraction: Double?) {}
        func raw(_ body: (_ readByte: (_ timeoutMilliseconds: Int32) -> UInt8?) throws -> Void) throws {}
    }
}
