import Basics

/// A property as Select, Sort, Group and Format take it: a name (perhaps a wildcard), a block, or a table {Name, Expression} with
/// their short forms N, L, Label and E, for Format also Width, Align and FormatString, for Sort Descending.
struct CalculatedProperty: Sendable {
    enum Source: Sendable {
        case name(String)
        case block(any ScriptBlock)
    }

    var label: String
    var source: Source
    var width: Int?
    var isRightAligned: Bool?
    var isDescending: Bool?
    /// .NET's format for the value: N2, yyyy-MM-dd, {0:P0}.
    var format: String?

    private init(label: String, source: Source) { (self.label, self.source) = (label, source) }

    init(name: String) { self.init(label: name, source: .name(name)) }

    init(_ value: Value, cmdlet: Cmdlet) throws {
        switch value {
        case .string(let name): self.init(name: name)
        case .block(let block): self.init(label: block.sourceText, source: .block(block))
        case .record(let record): try self.init(record, cmdlet: cmdlet)
        default:
            throw ErrorRecord(
                "\(cmdlet.name): \(value.shown) is not a property; accepted are a name, a block, or a table {Name=…, Expression=…}.",
                "PropertyInvalid", .invalidArgument, cmdlet: cmdlet.name)
        }
    }

    init(_ record: Record, cmdlet: Cmdlet) throws {
        var label: String?
        var source: Source?
        for field in record.fields {
            switch field.name.lowercased() {
            case "n", "name", "l", "label": label = field.value.text
            case "e", "expression":
                switch field.value {
                case .string(let name): source = .name(name)
                case .block(let block): source = .block(block)
                default: break
                }
            case "width": width = field.value.integerValue.map { Int(clamping: $0) }
            case "align", "alignment": isRightAligned = field.value.text.lowercased() == "right"
            case "descending": isDescending = field.value.booleanValue
            case "ascending": isDescending = field.value.booleanValue.map { !$0 }
            case "formatstring": format = field.value.text
            default:
                throw ErrorRecord(
                    "\(cmdlet.name): a calculated property has no “\(field.name)”; it has Name and Expression.", "PropertyInvalid",
                    .invalidArgument, target: field.name, cmdlet: cmdlet.name)
            }
        }
        guard let source else {
            throw ErrorRecord(
                "\(cmdlet.name): a calculated property needs Expression, a block or a property's name.", "PropertyInvalid",
                .invalidArgument,
                cmdlet: cmdlet.name)
        }
        self.source = source
        switch source {
        case .name(let name): self.label = label ?? name
        case .block(let block): self.label = label ?? block.sourceText
        }
    }

    /// Its value for an object whose properties were read into `snapshot` already; null where the object has none of that name.
    func evaluate(_ value: Value, snapshot: Record?) throws -> Value {
        switch source {
        case .name(let name): return try snapshot?[name] ?? PropertyReader.property(name, of: value) ?? .null
        case .block(let block): return try block.call(value, [])
        }
    }

    /// A wildcard name as the names it stands for; anything else as itself.
    func expanded(for value: Value) -> [CalculatedProperty] {
        guard case .name(let name) = source, WildcardPattern.isPattern(name) else { return [self] }
        let pattern = WildcardPattern(name)
        return PropertyReader.names(of: value).filter { pattern.matches($0) }.map { CalculatedProperty(name: $0) }
    }
}
