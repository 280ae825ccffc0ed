import Basics
import Management

/// What a pipeline needs from the session that runs it. Implemented by the shell; the tests have a small one of their own.
public protocol ExecutionContext: AnyObject, Sendable {
    var catalogue: Catalogue { get }
    var terminal: any Terminal { get }
    /// `$ErrorActionPreference` and kin, read when a call begins.
    var preferences: Preferences { get }
    /// `--output`.
    var outputFormat: OutputFormat { get }
    /// Puts an error at the head of `$Error`.
    func record(_ error: ErrorRecord)
    /// Writes an error to standard error in the shell's manner (under Continue).
    func show(_ error: ErrorRecord)
    /// The error object that scripts see in -ErrorVariable, the same as in `$Error`.
    func value(of error: ErrorRecord) -> Value
    /// -ErrorVariable, -OutVariable, -PipelineVariable, -WarningVariable: gives the Lua variable visible at the call that value;
    /// `appending` (written `+name`) adds to the list it holds.
    func assign(variable: String, value: Value, appending: Bool)
    /// Throws `Cancellation` when the user pressed Ctrl-C or a deadline passed. Callable from any thread.
    func checkCancelled() throws
    /// A regular expression (PCRE2 in the shell), for -match, -Pattern and Select-String.
    func matcher(_ pattern: String, ignoringCase: Bool) throws -> any PatternMatcher
    /// The jobs of this session.
    var jobs: JobTable { get }
    /// Opens interpreters for jobs; nil where there are none.
    var carrier: (any BlockCarrier)? { get }
    /// What was typed at the prompt, the oldest first.
    var history: [HistoryEntry] { get }
    /// What cmdlets act on: the store of this session.
    var host: VirtualMachineHost { get }
    /// With `--restricted` the folders in which cmdlets may write, delete and attach files; nil: everywhere.
    var writableFolders: [String]? { get }
}

extension ExecutionContext {
    public var writableFolders: [String]? { nil }
    public var carrier: (any BlockCarrier)? { nil }
    public var history: [HistoryEntry] { [] }
    public func value(of error: ErrorRecord) -> Value { error.value }
}

/// One chunk that was typed at the prompt.
public struct HistoryEntry: Sendable {
    public var text: String
    public var began: Timestamp
    public var ended: Timestamp
    public init(text: String, began: Timestamp, ended: Timestamp) { (self.text, self.began, self.ended) = (text, began, ended) }
}

/// A compiled regular expression.
public protocol PatternMatcher: AnyObject, Sendable {
    /// The first match's range in UTF-8 bytes, with its groups' texts (nil: took no part); nil: no match.
    func firstMatch(in text: String) throws -> (range: Range<Int>, groups: [String?])?
}

/// The session's preference variables.
public struct Preferences: Sendable {
    public var errorAction: ErrorAction
    public var warningAction: ErrorAction = .continue
    public var verboseAction: ErrorAction = .silentlyContinue
    public var confirm: ConfirmLevel = .high
    public var whatIf = false
    public init(errorAction: ErrorAction) { self.errorAction = errorAction }
}

/// The values of -ErrorAction and -WarningAction.
public enum ErrorAction: String, Sendable, CaseIterable {
    case stop = "Stop"
    case `continue` = "Continue"
    case silentlyContinue = "SilentlyContinue"
    case ignore = "Ignore"
    case inquire = "Inquire"
}

/// `$ConfirmPreference`: from which impact on a call asks. `none` answers every question with yes.
public enum ConfirmLevel: String, Sendable, CaseIterable {
    case none = "None"
    case high = "High"
    case medium = "Medium"
    case low = "Low"
}

/// `--output`.
public enum OutputFormat: String, Sendable, CaseIterable { case table, list, json, csv }

/// Ctrl-C or a deadline: no error a script may keep, it passes through every handler of ours.
public struct Cancellation: DescribedError {
    public var message = "The call was stopped."
    public var identifier = "OperationStopped"
    public var category = ErrorCategory.operationStopped
    public init() {}
}
