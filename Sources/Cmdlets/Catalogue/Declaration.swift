import Basics

/// Reads what scripts declare: `cmdlet{ … }` and `param{ … }` (help: about_OwnCmdlets).
///
///     Parameters = {
///         { "Name", Type = "String", Mandatory = true },       in order: positions 0, 1 …; switches have none
///         Count = { Type = "Int32", Default = 1 },             by name: no position unless Position says one
///         Quick = "Switch",
///     }
public struct Declaration {
    /// For messages: `cmdlet{…}` or `param{…}`.
    let what: String

    public init(_ what: String) { self.what = what }

    private func refuse(_ text: String, action: String? = nil) -> ErrorRecord {
        ErrorRecord("\(what): \(text)", "InvalidDeclaration", .invalidArgument, action: action ?? "Get-Help about_OwnCmdlets shows how.")
    }

    // MARK: cmdlet{ … }

    private static let cmdletFields = [
        "Verb", "Noun", "Name", "Synopsis", "Details", "Description", "Aliases", "Parameters", "Shape", "Output", "Examples",
        "SupportsShouldProcess", "Process",
    ]

    /// The cmdlet that a table declares.
    public func cmdlet(_ value: Value) throws -> Cmdlet {
        guard case .record(let record) = value else { throw refuse("a table with fields is expected.") }
        try checkFields(record, Self.cmdletFields)
        let (verb, noun) = try name(record)
        guard let process = record["Process"]?.blockValue else { throw refuse("Process, a function, is missing.") }
        let shape = try shape(record["Shape"])
        let parameters = try record["Parameters"].map(parameters) ?? []
        let supports = record["SupportsShouldProcess"]?.booleanValue ?? false
        let cmdlet = Cmdlet(
            verb, noun, aliases: try texts(record["Aliases"], "Aliases"), synopsis: record["Synopsis"]?.text ?? "Declared by the script.",
            details: (record["Details"] ?? record["Description"])?.text ?? "", sets: [.init("Default", shape: shape)],
            parameters: parameters, output: record["Output"]?.text, examples: try examples(record["Examples"]), shouldProcess: supports,
            userDefined: true,
            body: .perCall { invocation in
                var arguments = Record(typeName: nil)
                for parameter in parameters {
                    if let value = invocation.argument(parameter.name) {
                        arguments[parameter.name] = value
                    } else if parameter.isSwitch {
                        arguments[parameter.name] = .boolean(false)
                    }
                }
                let input = parameters.first { invocation.arguments.isPiped($0.name) }.flatMap { invocation.argument($0.name) }
                if supports {
                    let target = input?.text ?? parameters.first { $0.position == 0 }.flatMap { invocation.argument($0.name)?.text }
                    guard try invocation.shouldProcess(target ?? "this host", invocation.cmdlet.name) else { return }
                }
                let result = try process.call(.record(arguments), [input ?? .null])
                for element in result.elements { try invocation.emit(element) }
            })
        try CatalogueRules.check(cmdlet)
        return cmdlet
    }

    private func name(_ record: Record) throws -> (String, String) {
        if let name = record["Name"]?.stringValue {
            let parts = name.split(separator: "-", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { throw refuse("Name “\(name)” is no Verb-Noun.") }
            return (parts[0], parts[1])
        }
        guard let verb = record["Verb"]?.stringValue, let noun = record["Noun"]?.stringValue else {
            throw refuse("Verb and Noun are missing.")
        }
        return (verb, noun)
    }

    private func shape(_ value: Value?) throws -> Cmdlet.Shape {
        switch value?.text.lowercased() {
        case nil, "many": return .many
        case "one": return .one
        case "nothing": return .nothing
        default: throw refuse("Shape is one, many or nothing, not “\(value?.text ?? "")”.")
        }
    }

    private func examples(_ value: Value?) throws -> [Cmdlet.Example] {
        try (value?.elements ?? []).map { example in
            switch example {
            case .string(let code): return .init(code, "An example.")
            case .list(let parts): return .init(parts.first?.text ?? "", parts.dropFirst().first?.text ?? "An example.")
            default: throw refuse("an example is a string, or { code, explanation }.")
            }
        }
    }

    private func texts(_ value: Value?, _ field: String) throws -> [String] {
        try (value?.elements ?? []).map { element in
            guard let text = element.stringValue else { throw refuse("\(field) takes strings, not \(element.shown).") }
            return text
        }
    }

    private func checkFields(_ record: Record, _ known: [String]) throws {
        for field in record.fields where !known.contains(where: { $0.lowercased() == field.name.lowercased() }) {
            throw refuse("there is no field “\(field.name)”.\(Spelling.hint(field.name, among: known))")
        }
    }

    // MARK: Parameters

    private static let parameterFields = [
        "1", "Name", "Type", "Summary", "Help", "HelpMessage", "Aliases", "Alias", "Mandatory", "Position", "Default", "Values",
        "ValidateSet", "Many", "Minimum", "Maximum", "Pipeline", "Remaining", "AllowEmpty",
    ]

    /// The parameters of a table of declarations.
    public func parameters(_ value: Value) throws -> [Parameter] {
        var found: [Parameter] = []
        func add(_ name: String?, _ value: Value, position: Int?) throws {
            var parameter = try parameter(name, value)
            if parameter.position == nil, !parameter.isSwitch { parameter.position = position }
            guard !found.contains(where: { $0.name.lowercased() == parameter.name.lowercased() }) else {
                throw refuse("the parameter “\(parameter.name)” is there twice.")
            }
            found.append(parameter)
        }
        var next = 0
        func addOrdered(_ value: Value) throws {
            try add(nil, value, position: next)
            if found.last?.position != nil { next += 1 }
        }
        switch value {
        case .list(let values): for value in values { try addOrdered(value) }
        case .record(let record):
            // A table with both: its ordered entries come as fields 1, 2 ….
            for index in 1...max(1, record.fields.count) {
                guard let value = record["\(index)"] else { break }
                try addOrdered(value)
            }
            for field in record.fields where Int(field.name) == nil { try add(field.name, field.value, position: nil) }
        case .null: break
        default: throw refuse("Parameters is a table.")
        }
        return found
    }

    private func parameter(_ givenName: String?, _ value: Value) throws -> Parameter {
        var record: Record
        switch value {
        case .record(let given): record = given
        case .list(let values): record = Record(values.first.map { [("1", $0)] } ?? [])
        case .string(let text): record = givenName == nil ? Record([("1", .string(text))]) : Record([("Type", .string(text))])
        default: throw refuse("a parameter is a name, a type or a table, not \(value.shown).")
        }
        try checkFields(record, Self.parameterFields)
        guard let name = givenName ?? (record["1"] ?? record["Name"])?.stringValue else { throw refuse("a parameter has no name.") }
        guard let first = name.first, first.isASCII, first.isLetter,
            name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") })
        else { throw refuse("“\(name)” is no name for a parameter: letters, digits and _ make one.") }
        var typeName = record["Type"]?.text ?? "Any"
        let isList = typeName.hasSuffix("[]")
        if isList { typeName.removeLast(2) }
        let words = try texts(record["Values"] ?? record["ValidateSet"], "Values")
        let type = try words.isEmpty ? type(typeName, record, name) : .enumeration("String", words)
        var parameter = Parameter(
            name, type, (record["Summary"] ?? record["Help"] ?? record["HelpMessage"])?.text ?? "The parameter \(name).",
            aliases: try texts(record["Aliases"] ?? record["Alias"], "Aliases"), mandatory: record["Mandatory"]?.booleanValue ?? false,
            position: record["Position"]?.integerValue.map { Int(clamping: $0) }, pipeline: try pipeline(record["Pipeline"]),
            many: isList || record["Many"]?.booleanValue ?? false, remaining: record["Remaining"]?.booleanValue ?? false,
            default: record["Default"], allowsEmpty: record["AllowEmpty"]?.booleanValue ?? false)
        if !parameter.summary.hasSuffix(".") { parameter.summary += "." }
        if parameter.takesRemaining, parameter.position == nil { parameter.position = 1000 }
        return parameter
    }

    private func pipeline(_ value: Value?) throws -> Parameter.PipelineBinding {
        guard let value else { return [] }
        if case .boolean(let isOn) = value { return isOn ? .byValue : [] }
        var binding: Parameter.PipelineBinding = []
        for word in value.elements.flatMap({ $0.text.split(whereSeparator: { ", ".contains($0) }) }) {
            switch word.lowercased() {
            case "byvalue": binding.insert(.byValue)
            case "bypropertyname": binding.insert(.byPropertyName)
            default: throw refuse("Pipeline is ByValue or ByPropertyName, not “\(word)”.")
            }
        }
        return binding
    }

    private static let types = [
        "String", "Path", "Int32", "Int64", "Size", "Double", "Boolean", "Switch", "TimeSpan", "DateTime", "Guid", "ScriptBlock", "Table",
        "VM", "VMName", "Any",
    ]

    private func type(_ name: String, _ record: Record, _ parameter: String) throws -> ParameterType {
        switch name.lowercased() {
        case "string": return .string
        case "path", "file": return .path
        case "int", "int32", "int64", "integer", "long":
            let isShort = ["int", "int32"].contains(name.lowercased())
            let low = record["Minimum"]?.integerValue ?? (isShort ? Int64(Int32.min) : .min)
            let high = record["Maximum"]?.integerValue ?? (isShort ? Int64(Int32.max) : .max)
            guard low <= high else { throw refuse("the parameter \(parameter) has a Minimum above its Maximum.") }
            return .integer(low...high)
        case "size", "bytes": return .bytes
        case "double", "number", "float": return .number
        case "boolean", "bool": return .boolean
        case "switch", "switchparameter": return .switched
        case "timespan", "duration": return .timeSpan
        case "datetime", "time": return .time
        case "guid": return .guid
        case "scriptblock", "block", "function": return .block
        case "table", "hashtable", "record": return .table
        case "vm", "virtualmachine": return .object("VirtualMachine")
        case "vmname": return .name(of: "VirtualMachine")
        case "any", "object": return .any
        default:
            throw refuse(
                "the parameter \(parameter) has the unknown type “\(name)”.\(Spelling.hint(name, among: Self.types))",
                action: "Types are \(Spelling.list(Self.types, "and")).")
        }
    }
}
