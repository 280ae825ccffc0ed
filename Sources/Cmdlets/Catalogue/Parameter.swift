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
    /// Sets in which its place, and whether it must be given, are others than said above.
    public var exceptions: [String: SetPlace] = [:]
    public var pipeline: PipelineBinding = []
    /// Takes a list of values of `type`.
    public var takesMany = false
    /// Takes every positional argument that is left (Write-Host a b c).
    public var takesRemaining = false
    public var defaultValue: Value?
    /// Wildcards `* ? [a-z]` are patterns here.
    public var acceptsWildcards = false
    public var completion: Completion = .none
    /// What the parameter of the real module does here.
    public var effect: Effect = .acts
    /// Ours, not the real module's: sorts after those in prefix matching.
    public var isOurs = false
    /// An empty string is a value here (Set-VM -Notes ""); elsewhere it is the error of a parameter without a value.
    public var allowsEmpty = false
    /// A block for this parameter runs in an interpreter of its own and sees no variables of the script.
    public var runsApart = false

    /// A nil that is written, `$null`, is a value here; elsewhere it is the error of an argument without one.
    public var takesNil = false

    /// The same, and `$null` is a value of it.
    var takingNil: Parameter {
        var parameter = self
        parameter.takesNil = true
        return parameter
    }

    /// The same, for a block that runs in an interpreter of its own.
    var runningApart: Parameter {
        var parameter = self
        parameter.runsApart = true
        return parameter
    }

    /// The same, with another place in `set`, where it need not be given.
    public func optional(in set: String, position: Int?) -> Parameter {
        var parameter = self
        parameter.exceptions[set] = SetPlace(isMandatory: false, position: position)
        return parameter
    }

    /// True when a call through `set` needs it.
    public func isMandatory(in set: String) -> Bool { belongs(to: set) && exceptions[set]?.isMandatory ?? isMandatory }

    /// Its place among the positional arguments of a call through `set`; nil: by name only, or it does not belong to the set.
    public func position(in set: String) -> Int? {
        guard belongs(to: set) else { return nil }
        return if let exception = exceptions[set] { exception.position } else { position }
    }

    public struct SetPlace: Sendable {
        public var isMandatory: Bool
        public var position: Int?
    }

    public enum Effect: Sendable {
        case acts
        /// Accepted, warns once; the reason is shown in help and README.
        case noEffect(String)
        /// An error that says why.
        case refused(String)
    }

    public enum Completion: Sendable {
        case none, path, vmName, cmdletName, helpTopic
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
        mandatory: Bool = false, position: Int? = nil, pipeline: PipelineBinding = [], many: Bool = false, remaining: Bool = false,
        default defaultValue: Value? = nil, wildcards: Bool = false, completion: Completion = .none, effect: Effect = .acts,
        ours: Bool = false, allowsEmpty: Bool = false
    ) {
        (self.name, self.type, self.summary, self.aliases, self.sets) = (name, type, summary, aliases, sets)
        (self.isMandatory, self.position, self.pipeline, self.takesMany) = (mandatory, position, pipeline, many)
        (self.takesRemaining, self.defaultValue, self.acceptsWildcards) = (remaining, defaultValue, wildcards)
        (self.completion, self.effect, self.isOurs, self.allowsEmpty) = (completion, effect, ours, allowsEmpty)
    }

    /// True when a call through `set` may use it.
    public func belongs(to set: String) -> Bool { sets.isEmpty || sets.contains(set) }

    /// The words a user may complete its value with, beside what `completion` computes at run time.
    public var completionValues: [String] {
        if case .values(let words) = completion { return words }
        switch type {
        case .enumeration(_, let words): return words
        case .boolean, .switched: return ["$true", "$false"]
        default: return []
        }
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
    /// The name (or wildcard pattern) of a thing of this type; the thing itself is accepted too.
    case name(of: String)
    /// This host's name, `localhost` or `.`; another host's is an error that says remote hosts are not there yet.
    case computer
    /// A property name, a block or a calculated property {Name, Expression}.
    case property
    case table
    case any

    /// The type's name in the module's words, as Get-Command and Get-Help show it.
    public var displayName: String {
        switch self {
        case .string, .path, .computer, .name: "String"
        case .integer(let range): range.upperBound > Int64(Int32.max) ? "Int64" : "Int32"
        case .bytes: "Int64"
        case .number: "Double"
        case .boolean: "Boolean"
        case .switched: "SwitchParameter"
        case .enumeration(let name, _): name
        case .timeSpan: "TimeSpan"
        case .time: "DateTime"
        case .guid: "Guid"
        case .block: "ScriptBlock"
        case .object(let name): name
        case .table: "Hashtable"
        case .property, .any: "Object"
        }
    }
}

extension Parameter {
    /// The type's name with `[]` where a list is taken.
    public var typeName: String { type.displayName + (takesMany ? "[]" : "") }

    /// True for a switch, which takes no value when written alone.
    public var isSwitch: Bool { if case .switched = type { true } else { false } }
}
