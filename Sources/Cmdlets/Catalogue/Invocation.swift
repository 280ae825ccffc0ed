import Basics

/// Sees the objects of a pipeline one after the other.
public protocol StreamProcessor: AnyObject {
    /// false: enough, the stages before may stop.
    func process(_ input: Value) throws -> Bool
    func finish() throws
    /// The pipeline ended early; threads of its own are told to end.
    func abandon()
}

extension StreamProcessor {
    public func abandon() {}
}

/// One call of a cmdlet, as its body sees it: bound arguments, the host, the terminal, where results go.
public protocol Invocation: AnyObject, Sendable {
    var cmdlet: Cmdlet { get }
    var arguments: BoundArguments { get }
    var context: any ExecutionContext { get }
    /// The stage's input is one thing, not a list (decides ConvertTo-Json's brackets).
    var inputIsOne: Bool { get }
    /// Another stage takes the results.
    var isFollowed: Bool { get }
    /// A result for the pipeline. Throws when the later stages have enough; a body lets that pass through.
    func emit(_ value: Value) throws
    /// A non-terminating error about one target; what happens follows -ErrorAction.
    func report(_ error: any Error) throws
    func warn(_ text: String)
    func verbose(_ text: String)
    /// false under -WhatIf (after saying what would be done) and when the user, asked because of -Confirm, said no. `target` is made only
    /// where it is said.
    func shouldProcess(_ target: @autoclosure () throws -> String, _ action: String) throws -> Bool
    /// Asks; false: the user said no. Throws ConfirmationRequired where nobody can be asked.
    func confirm(_ question: String) throws -> Bool
    /// Throws when the user pressed Ctrl-C or a deadline passed; long waits call it at least every 100 ms.
    func checkCancelled() throws
}

extension Invocation {
    public var isFollowed: Bool { false }
    /// The results go to a terminal with colours, as far as anyone can tell: they are the last stage's.
    var showsOnTerminal: Bool { !isFollowed && terminal.usesColours }
    public var parameterSet: String { arguments.parameterSet }
    public var terminal: any Terminal { context.terminal }
    /// The checked, converted argument; nil when not given and without default.
    public func argument(_ name: String) -> Value? { arguments[name] }
    /// True when the user wrote it (or the pipeline bound it).
    public func isGiven(_ name: String) -> Bool { arguments.isGiven(name) }
    /// True for a switch or Boolean that is on.
    public func isOn(_ name: String) -> Bool { arguments[name]?.booleanValue ?? false }
    public func string(_ name: String) -> String? { arguments[name]?.stringValue }
    public func integer(_ name: String) -> Int64? { arguments[name]?.integerValue }
    /// The values of a list parameter; a single value is a list of one; nil when not given.
    public func list(_ name: String) -> [Value]? { arguments[name]?.elements }
}

/// The user's terminal, as bodies may use it: write, warn, ask, progress, raw mode. Implemented by the shell.
public protocol Terminal: AnyObject, Sendable {
    /// Standard input and error are both terminals, so questions can be asked.
    var isInteractive: Bool { get }
    /// Columns, when standard output is a terminal; nil otherwise, and then nothing is truncated.
    var width: Int? { get }
    /// What is written to standard output may have colours.
    var usesColours: Bool { get }
    /// Results: always standard output, as given (the text brings its own line ends).
    func writeOutput(_ text: String)
    /// Host messages (Write-Host, What if): standard output, or standard error under `--output json`.
    func write(_ text: String)
    /// Diagnostics: standard error.
    func writeError(_ text: String)
    /// Answer to a question with one-letter choices; nil where nobody can be asked.
    func ask(_ question: String, choices: [(key: Character, meaning: String)]) -> Character?
    /// How far `activity` is, from 0 to 1; nil: it ended.
    func progress(_ activity: String, fraction: Double?)
    /// A line from standard input without its end; nil at its end. The prompt goes to standard error.
    func readLine(prompt: String?) -> String?
    /// From now on what is written goes to this file, too.
    func startTranscript(_ path: String, isAppending: Bool, isNew: Bool) throws
    /// The file's path; nil: there was no transcript.
    func stopTranscript() -> String?
    /// The same with more about it.
    func show(_ progress: Progress)
    func endProgress(_ activity: String)
    /// Runs `body` with the terminal in raw mode: `readByte` gives a typed byte, or nil when none came in the time; restores it
    /// in any case.
    func raw(_ body: (_ readByte: (_ timeoutMilliseconds: Int32) -> UInt8?) throws -> Void) throws
}

extension Terminal {
    public var usesColours: Bool { false }
    public func readLine(prompt: String?) -> String? { nil }
    public func startTranscript(_ path: String, isAppending: Bool, isNew: Bool) throws {
        throw ErrorRecord("There is no terminal here to keep a transcript of.", "NoTranscript", .notImplemented)
    }
    public func stopTranscript() -> String? { nil }
    public func show(_ progress: Progress) { if let fraction = progress.fraction { self.progress(progress.activity, fraction: fraction) } }
    public func endProgress(_ activity: String) { progress(activity, fraction: nil) }
}

/// How far long work is.
public struct Progress: Sendable {
    /// What is being done, and to what.
    public var activity: String
    /// From 0 to 1; nil: nobody knows how long it takes.
    public var fraction: Double?
    /// Bytes of the whole, where it is a matter of bytes.
    public var total: Int64?

    public init(_ activity: String, fraction: Double?, total: Int64? = nil) {
        (self.activity, self.fraction, self.total) = (activity, fraction, total)
    }
}
