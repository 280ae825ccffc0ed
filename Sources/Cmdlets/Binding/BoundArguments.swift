/// The checked and converted arguments of one call.
public struct BoundArguments: Sendable {
    public internal(set) var parameterSet: String
    private var values: [String: Value] = [:]
    private var given: Set<String> = []
    private var lists: Set<String> = []
    private var piped: Set<String> = []

    public init(parameterSet: String) { self.parameterSet = parameterSet }

    /// The argument, or the parameter's default; nil when there is neither. The name is the parameter's, in any letter case.
    public subscript(name: String) -> Value? { values[name.lowercased()] }

    /// True when the user wrote it or the pipeline bound it.
    public func isGiven(_ name: String) -> Bool { given.contains(name.lowercased()) }

    /// True when it was written as a list, also one of a single value.
    public func isList(_ name: String) -> Bool { lists.contains(name.lowercased()) }

    /// True when its value comes from the pipeline.
    public func isPiped(_ name: String) -> Bool { piped.contains(name.lowercased()) }

    /// True for a switch or Boolean that is on.
    public func isOn(_ name: String) -> Bool { self[name]?.booleanValue ?? false }

    mutating func bind(_ name: String, _ value: Value, wasList: Bool = false, piped isPiped: Bool = false) {
        let key = name.lowercased()
        values[key] = value
        given.insert(key)
        if wasList { lists.insert(key) }
        if isPiped { piped.insert(key) }
    }

    /// Takes another object's arguments in: what the pipeline bound becomes the list of both. False: the two are called differently.
    mutating func gather(_ other: BoundArguments) -> Bool {
        guard parameterSet == other.parameterSet, piped == other.piped else { return false }
        for key in piped {
            values[key] = .list((values[key]?.elements ?? []) + (other.values[key]?.elements ?? []))
            lists.insert(key)
        }
        return true
    }

    /// Says that the pipeline will bind it.
    mutating func expect(_ name: String) {
        given.insert(name.lowercased())
        piped.insert(name.lowercased())
    }

    mutating func setDefault(_ name: String, _ value: Value) { values[name.lowercased()] = value }
}
