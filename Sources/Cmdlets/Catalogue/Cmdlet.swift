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
    /// At least one; exactly one of several is the default.
    public var parameterSets: [ParameterSet]
    public var parameters: [Parameter]
    /// Name of the output's ObjectType or of a plain type; nil: nothing.
    public var output: String?
    public var examples: [Example] = []
    /// -WhatIf and -Confirm exist.
    public var supportsShouldProcess = false
    /// What -WhatIf says of a target of a `perTarget` cmdlet, in place of its name.
    public var plan: (@Sendable (any Invocation, any LiveObject) throws -> String)?
    /// Asks when the confirmation preference allows (language.md, "Pipelines, errors, confirmation").
    public var confirms: Confirmation = .never
    /// In the function form the first argument is always the input (object cmdlets).
    public var takesInputFirst = false
    /// Neither in the Hyper-V module nor in PowerShell's own.
    public var isOurs = false
    /// Declared by `cmdlet{…}` in Lua; may be declared again.
    public var isUserDefined = false
    /// Answers a call whose only argument is one text, where nothing has to be bound for that; nil: the call goes the usual way.
    public var direct: Direct?
    public var body: Body
    public typealias Direct = @Sendable (any ExecutionContext, String) -> Value?

    public init(
        _ verb: String, _ noun: String, aliases: [String] = [], synopsis: String, details: String = "", departures: [String] = [],
        sets: [ParameterSet], parameters: [Parameter], output: String? = nil, examples: [Example] = [],
        shouldProcess: Bool = false, plan: (@Sendable (any Invocation, any LiveObject) throws -> String)? = nil,
        confirms: Confirmation = .never, inputFirst: Bool = false, ours: Bool = false, userDefined: Bool = false, direct: Direct? = nil,
        body: Body
    ) {
        (self.verb, self.noun, self.aliases, self.synopsis, self.details) = (verb, noun, aliases, synopsis, details)
        (self.departures, self.parameterSets, self.parameters, self.output) = (departures, sets, parameters, output)
        (self.examples, self.supportsShouldProcess, self.plan, self.confirms) = (examples, shouldProcess, plan, confirms)
        (self.takesInputFirst, self.isOurs, self.isUserDefined, self.direct, self.body) = (inputFirst, ours, userDefined, direct, body)
    }

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
        case perCall(@Sendable (any Invocation) throws -> Void)
        /// Called once per call, also with objects of a pipeline: their parameter is the list of all.
        case gathered(@Sendable (any Invocation) throws -> Void)
        /// Called for each target given in one of `parameters` (names resolved, objects as they are); the framework runs up to
        /// -ThrottleLimit at once, keeps input order, asks, collects failures as the error rules say. May run on any thread.
        case perTarget(parameters: [String], @Sendable (any Invocation, any LiveObject) throws -> Void)
        /// An object cmdlet: made once per pipeline, sees every object, may stop the stages before it.
        case streaming(@Sendable (any Invocation) throws -> any StreamProcessor)
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

    public indirect enum Shape: Sendable {
        case nothing
        /// One by nature.
        case one
        /// Always a list.
        case many
        /// One when each of these parameters, where given, is a single non-wildcard string or a single object (from the
        /// pipeline: when its input is one) and at least one of them is given; else many.
        case oneIfSingle([String])
        /// As `oneIfSingle`, and every parameter of the second list is given too.
        case oneIfSingleWith([String], given: [String])
        /// As `oneIfSingle`, but only with -Passthru; else nothing.
        case passthru([String])
        /// One result for one object: one when the input is one, else many.
        case mapping
        /// Decided from the bound arguments; the text says how, for help.
        case computed(String, @Sendable (BoundArguments) -> Shape)
    }

    public struct Example: Sendable {
        public var code: String
        public var explanation: String
        public init(_ code: String, _ explanation: String) { (self.code, self.explanation) = (code, explanation) }
    }

    /// The parameter of that exact name in any letter case, not an alias; common parameters are not among them.
    public func parameter(_ name: String) -> Parameter? {
        let wanted = name.lowercased()
        return parameters.first { $0.name.lowercased() == wanted }
    }

    /// The parameters a user may write: its own, then the common ones.
    public var allParameters: [Parameter] { parameters + CommonParameters.parameters(of: self) }

    /// The parameters that a call through the set `set` may give without names, in their order.
    public func positionalParameters(in set: String) -> [Parameter] {
        parameters.filter { $0.position(in: set) != nil }.sorted { ($0.position(in: set) ?? 0) < ($1.position(in: set) ?? 0) }
    }

    /// True when its first position takes a block, so that `{` after white space begins one.
    public var takesBlockFirst: Bool {
        parameters.contains { parameter in
            guard parameter.position == 0 else { return false }
            if case .block = parameter.type { return true }
            if case .property = parameter.type { return true }
            return false
        }
    }

    /// The set a call uses when its arguments fit several.
    public var defaultSet: ParameterSet? { parameterSets.first { $0.isDefault } ?? parameterSets.first }
}
