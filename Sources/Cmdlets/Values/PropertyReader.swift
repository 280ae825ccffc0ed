import Basics

/// Reads properties of any value: live objects, records, lists, times, durations and strings.
public enum PropertyReader {
    /// All properties at one moment; nil for a value that has none to enumerate.
    public static func snapshot(of value: Value) throws -> Record? {
        switch value {
        case .object(let object): return try object.snapshot()
        case .record(let record): return record
        case .duration(let span):
            return Record(typeName: "TimeSpan", TimeSpan.propertyNames.map { ($0, span.property($0) ?? .null) })
        case .time(let time):
            return Record(typeName: "DateTime", Timestamp.propertyNames.map { ($0, time.property($0) ?? .null) })
        default: return nil
        }
    }

    /// The properties of several values, live objects of one type read in one request.
    public static func snapshots(of values: [Value]) throws -> [Record?] {
        var records = [Record?](repeating: nil, count: values.count)
        var groups: [String: [(position: Int, object: any LiveObject)]] = [:]
        for (position, value) in values.enumerated() {
            if case .object(let object) = value {
                groups[object.type.name, default: []].append((position, object))
            } else {
                records[position] = try snapshot(of: value)
            }
        }
        for group in groups.values {
            guard let first = group.first else { continue }
            for (member, record) in zip(group, first.object.snapshots(of: group.map(\.object))) {
                records[member.position] = try record.get()
            }
        }
        return records
    }

    /// One property by its name in any letter case; nil: the value has no such property.
    public static func property(_ name: String, of value: Value) throws -> Value? {
        switch value {
        case .object(let object):
            guard let exact = object.type.exactName(of: name) else { return nil }
            return try object.property(exact)
        case .record(let record): return record[name]
        case .duration(let span): return span.property(name)
        case .time(let time): return time.property(name)
        case .string(let text): return name.lowercased() == "length" ? .integer(Int64(text.count)) : nil
        case .list(let values):
            if ["count", "length"].contains(name.lowercased()) { return .integer(Int64(values.count)) }
            var found: [Value] = []
            var isKnown = false
            for element in values {
                guard let property = try property(name, of: element) else { continue }
                isKnown = true
                found.append(contentsOf: property.elements)
            }
            return isKnown ? .list(found) : nil
        default: return nil
        }
    }

    /// The property names of a value, in order.
    public static func names(of value: Value) -> [String] {
        switch value {
        case .object(let object): object.type.properties.map(\.name)
        case .record(let record): record.fields.map(\.name)
        case .duration: TimeSpan.propertyNames
        case .time: Timestamp.propertyNames
        case .string: ["Length"]
        case .list(let values): values.first.map(names) ?? []
        default: []
        }
    }

    /// The property names spelled most like `name`.
    public static func nearest(to name: String, of value: Value) -> [String] {
        Spelling.nearest(to: name, among: names(of: value))
    }
}

extension ObjectType {
    /// The declared spelling of a property's name given in any letter case; nil: there is none.
    public func exactName(of name: String) -> String? {
        let wanted = name.lowercased()
        return properties.first { $0.name.lowercased() == wanted }?.name
    }
}
