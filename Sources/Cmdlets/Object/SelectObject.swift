import Basics

extension Cmdlet {
    /// `Select-Object`: chosen properties, or the first or last objects.
    static let selectObject = Cmdlet(
        "Select", "Object", aliases: ["select"], synopsis: "Takes chosen properties of objects, or the first or last of them.",
        details:
            "With -Property each object becomes a plain one with just these properties, read at one moment. -First and -Last choose objects; -First stops the stages before it as soon as it has enough.",
        sets: [
            .init(
                "Default",
                shape: .computed("one with -First 1 or -Last 1; a list with other choices; else one for one") { arguments in
                    if arguments["First"]?.integerValue == 1 || arguments["Last"]?.integerValue == 1 { return .one }
                    return ["First", "Last", "Skip", "SkipLast", "Unique"].contains(where: arguments.isGiven) ? .many : .mapping
                })
        ],
        parameters: [
            Parameter(
                "Property", .property, "Names of properties, wildcards, blocks or calculated properties {Name, Expression}.", position: 0,
                many: true, wildcards: true),
            Parameter("ExcludeProperty", .string, "Names of properties to leave out.", many: true, wildcards: true),
            Parameter("ExpandProperty", .string, "Gives the value of this property instead of the object."),
            Parameter("First", .integer(0...Int64.max), "How many objects to take from the beginning."),
            Parameter("Last", .integer(0...Int64.max), "How many objects to take from the end."),
            Parameter("Skip", .integer(0...Int64.max), "How many objects to leave out at the beginning (with -Last: at the end)."),
            Parameter("SkipLast", .integer(0...Int64.max), "How many objects to leave out at the end."),
            Parameter("Unique", .switched, "Leaves out objects that are equal to an earlier one."),
            .inputObject,
        ],
        output: "Object",
        examples: [
            Example("Get-VM | Select-Object Name, State", "Two properties of each virtual machine."),
            Example("Get-VM | Sort-Object Uptime -Descending | Select-Object -First 1", "The one that has been up the longest."),
        ],
        inputFirst: true,
        body: .streaming { try ObjectSelection($0) })
}

/// The work of Select-Object on one pipeline.
private final class ObjectSelection: StreamProcessor {
    private let invocation: any Invocation
    private let properties: [CalculatedProperty]?
    private let excluded: [WildcardPattern]
    private let first: Int?
    private let last: Int?
    private let skip: Int
    private let skipLast: Int
    private var seen: [Value] = []
    private var held: [Value] = []
    private var count = 0
    private var taken = 0

    init(_ invocation: any Invocation) throws {
        self.invocation = invocation
        properties = try invocation.properties("Property")
        excluded = (invocation.list("ExcludeProperty") ?? []).map { WildcardPattern($0.text) }
        first = invocation.integer("First").map { Int(clamping: $0) }
        last = invocation.integer("Last").map { Int(clamping: $0) }
        skip = invocation.integer("Skip").map { Int(clamping: $0) } ?? 0
        skipLast = invocation.integer("SkipLast").map { Int(clamping: $0) } ?? 0
        if first != nil, last != nil || skipLast > 0 {
            throw ErrorRecord(
                "Select-Object: -First does not go together with -Last or -SkipLast.", "AmbiguousParameterSet", .invalidArgument,
                cmdlet: "Select-Object")
        }
    }

    func process(_ input: Value) throws -> Bool {
        if last != nil || skipLast > 0 {
            held.append(input)
            if let last, held.count > last + skip { held.removeFirst() }
            return true
        }
        if let first, taken >= first { return false }
        count += 1
        guard count > skip else { return true }
        if try pass(input) { taken += 1 }
        return first.map { taken < $0 } ?? true
    }

    func finish() throws {
        var values = held[...]
        if last != nil { values = values.dropLast(skip) } else { values = values.dropFirst(skip) }
        for value in values.dropLast(skipLast) { _ = try pass(value) }
    }

    /// False when it equals an earlier one.
    private func pass(_ value: Value) throws -> Bool {
        let result = try shaped(value)
        if invocation.isOn("Unique") {
            guard !seen.contains(where: { $0.isSame(as: result) }) else { return false }
            seen.append(result)
        }
        for element in invocation.isGiven("ExpandProperty") ? result.elements : [result] { try invocation.emit(element) }
        return true
    }

    private func shaped(_ value: Value) throws -> Value {
        if let name = invocation.string("ExpandProperty") { return try invocation.checkedProperty(name, of: value) }
        guard properties != nil || !excluded.isEmpty else { return value }
        let snapshot = try PropertyReader.snapshot(of: value)
        let chosen = (properties ?? [CalculatedProperty(name: "*")]).flatMap { $0.expanded(for: value) }
        var record = Record()
        for property in chosen where !excluded.contains(where: { $0.matches(property.label) }) {
            if case .name(let name) = property.source, case .object = value { _ = try invocation.checkedName(name, of: value) }
            record[property.label] = try property.evaluate(value, snapshot: snapshot)
        }
        return .record(record)
    }
}

extension Invocation {
    /// A property's declared spelling; a live object that lacks it is an error with the nearest name.
    func checkedName(_ name: String, of value: Value) throws -> String {
        guard case .object(let object) = value else { return name }
        if let exact = object.type.exactName(of: name) { return exact }
        throw ErrorRecord(
            "A \(object.type.name) has no property “\(name)”.\(Spelling.hint(name, among: object.type.properties.map(\.name)))",
            "PropertyNotFound", .invalidArgument, target: name, action: "Get-Member lists its properties.", cmdlet: cmdlet.name)
    }
}

extension Value {
    /// Equality for -Unique and Group-Object: the same thing, or the same value by value; strings exactly.
    func isSame(as other: Value) -> Bool {
        switch (self, other) {
        case (.record(let a), .record(let b)):
            return a.fields.count == b.fields.count
                && zip(a.fields, b.fields).allSatisfy { $0.name == $1.name && $0.value.isSame(as: $1.value) }
        case (.list(let a), .list(let b)): return a.count == b.count && zip(a, b).allSatisfy { $0.isSame(as: $1) }
        case (.object(let a), .object(let b)): return a.type.name == b.type.name && a.identity == b.identity
        case (.null, .null): return true
        case (.null, _), (_, .null): return false
        default: return typeName == other.typeName && Ordering.compare(self, other, isCaseSensitive: true) == 0
        }
    }
}
