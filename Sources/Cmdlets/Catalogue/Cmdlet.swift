import Basics

/// A cmdlet, declared once as a value. The Lua function, argument checking, pipeline binding, Get-Command, Get-Help, completion, the
/// reference pages and the tests of its examples all come from it.
public struct Cmdlet: Sendable {
    public var verb: String
    public var noun: String
    public var aliases: [String] = []
    public var synopsis: String
    /// Longer text for Get-Help; may be empty.
    public var details: String = ""
    /// Where it departs from the real module, in plain sentences.
    public var departures: [String] = []
    public var parameterSets: [ParameterSet]
    public var parameters: [Parameter]
    /// Name of the output's ObjectType or of a plain type; nil: nothing.
    public var output: String?
    public var examples: [Example] = []
    /// -WhatIf and -Confirm exist.
    public var supportsShouldProcess = false
    /// Asks when the confirmation preference allows (language.md, "Pipelines, errors, confirmation").
    public var confirms: Confirmation = .never
    public var body: Body

    public var name: String { "\(verb)-\(noun)" }

    public enum Confirmation: Sendable {
        case never
        /// Asks before it acts on each target; the text ends a sentence that begins with the target's name.
        case always(String)
        /// The body decides and calls `Invocation.confirm`.
        case byBody
    }

    public enum Body: Sendable {
        /// Called once per call, or once per pipeline object bound by value or property name; emits results.
        case perCall(@Sendable (Invocation) throws -> Void)
        /// Called for each target of the parameter `target` (names resolved, objects as they are); the framework runs up to
        /// -ThrottleLimit at once, keeps input order, collects failures as the error rules say.
        case perTarget(parameter: String, @Sendable (Invocation, Value) throws -> Void)
        /// An object cmdlet: made once per pipeline, sees every object, may stop the stages before it.
        case streaming(@Sendable (Invocation) throws -> any StreamProcessor)
    }

    /// One way of calling it.
    public struct ParameterSet: Sendable {
        public var name: String
        public var isDefault: Bool
        /// What a call returns (language.md, "What a call returns").
        public var shape: Shape
        public init(_ name: String, isDefault: Bool = false, shape: Shape) {
            (self.name, self.isDefault, self.shape) = (name, isDefault, shape)
        }
    }

    public enum Shape: Sendable {
        case nothing
        /// One by nature.
        case one
        /// Always a list.
        case many
        /// One when each of these parameters, where given, is a single non-wildcard string or a single object and at least
        /// one of them is given; else many.
        case oneIfSingle([String])
        /// As `oneIfSingle`, but only with -Passthru; else nothing.
        case passthru([String])
    }

    public struct Example: Sendable {
        public var code: String
        public var explanation: String
        public init(_ code: String, _ explanation: String) { (self.code, self.explanation) = (code, explanation) }
    }
}

/// One parameter of a cmdlet.
public struct Parameter: Sendable {
    public var name: String
    public var aliases: [String] = []
    public var type: ParameterType
    public var summary: String
    /// Names of the sets it belongs to; empty: all.
    public var sets: [String] = []
    public var isMandatory = false
    /// Place among positional arguments, from 0; nil: by name only.
    public var position: Int?
    public var pipeline: PipelineBinding = []
    /// Takes a list of values of `type`.
    public var takesMany = false
    public var defaultValue: Value?
    /// Wildcards `* ? [a-z]` are patterns here.
    public var acceptsWildcards = false
    public var completion: Completion = .none
    /// What the parameter of the real module does here.
    public var effect: Effect = .acts
    /// Ours, not the real module's: sorts after those in prefix matching.
    public var isOurs = false

    public enum Effect: Sendable {
        case acts
        /// Accepted, warns once; the reason is shown in help and README.
        case noEffect(String)
        /// An error that says why.
        case refused(String)
    }

    public enum Completion: Sendable {
        case none, path, vmName, cmdletName
        case values([String])
    }

    public struct PipelineBinding: OptionSet, Sendable {
        public let rawValue: Int
        public init(rawValue: Int) { self.rawValue = rawValue }
        public static let byValue = PipelineBinding(rawValue: 1)
        public static let byPropertyName = PipelineBinding(rawValue: 2)
    }

    public init(
        _ name: String, _ type: ParameterType, _ summary: String, aliases: [String] = [], sets: [String] = [],
        mandatory: Bool = false, position: Int? = nil, pipeline: PipelineBinding = [], many: Bool = false,
        default defaultValue: Value? = nil, wildcards: Bool = false, completion: Completion = .none, effect: Effect = .acts,
        ours: Bool = false
    ) {
        (self.name, self.type, self.summary, self.aliases, self.sets) = (name, type, summary, aliases, sets)
        (self.isMandatory, self.position, self.pipeline, self.takesMany) = (mandatory, position, pipeline, many)
        (self.defaultValue, self.acceptsWildcards, self.completion) = (defaultValue, wildcards, completion)
        (self.effect, self.isOurs) = (effect, ours)
    }
}

/// What a parameter accepts, and so how an argument is checked and converted.
public enum ParameterType: Sendable {
    case string
    /// A file path of this system.
    case path
    case integer(ClosedRange<Int64>)
    /// A whole number of bytes; size literals, whole floats and digit strings are accepted.
    case bytes
    case number
    case boolean
    /// `-Name` alone is true.
    case switched
    /// One of these words, in any letter case; the canonical spelling is passed on.
    case enumeration(String, [String])
    case timeSpan
    case time
    case guid
    case block
    /// A live object of this type; where names identify it, a string is accepted too and resolved.
    case object(String)
    /// A property name, a block or a calculated property {Name, Expression}.
    case property
    case table
    case any
}

/// Sees the objects of a pipeline one after the other.
public protocol StreamProcessor: AnyObject {
    /// false: enough, the stages before may stop.
    func process(_ input: Value) throws -> Bool
    func finish() throws
}

/// One call of a cmdlet, as its body sees it: bound arguments, the host, the terminal, where results go.
public protocol Invocation: AnyObject, Sendable {
    var cmdlet: Cmdlet { get }
    var parameterSet: String { get }
    /// The checked, converted argument; nil when not given and without default.
    func argument(_ name: String) -> Value?
    /// True when the user wrote it.
    func isGiven(_ name: String) -> Bool
    /// A result for the pipeline.
    func emit(_ value: Value) throws
    /// A non-terminating error about one target; what happens follows -ErrorAction.
    func report(_ error: any Error) throws
    func warn(_ text: String)
    func verbose(_ text: String)
    /// false under -WhatIf (after saying what would be done).
    func shouldProcess(_ target: String, _ action: String) throws -> Bool
    /// Asks; false: the user said no. Throws ConfirmationRequired where nobody can be asked.
    func confirm(_ question: String) throws -> Bool
    var terminal: any Terminal { get }
    /// Throws when the user pressed Ctrl-C or a deadline passed; long waits call it at least every 100 ms.
    func checkCancelled() throws
}

/// The user's terminal, as bodies may use it: write, warn, ask, progress, raw mode. Implemented by the shell.
public protocol Terminal: AnyObject, Sendable {
    var isInteractive: Bool { get }
    /// Columns, when output is a terminal.
    var width: Int? { get }
    func write(_ text: String)
    func writeError(_ text: String)
    /// Answer to a question with one-letter choices; nil where nobody can be asked.
    func ask(_ question: String, choices: [(key: Character, meaning: String)]) -> Character?
    func progress(_ activity: String, fraction: Double?)
    /// Runs `body` with the terminal in raw mode: bytes typed go to `input`, which returns false to end; restores it in any case.
    func raw(_ body: (_ readByte: (_ timeoutMilliseconds: Int32) -> UInt8?) throws -> Void) throws
}
