extension Cmdlet {
    /// `Compare-Object`: what is in one list only.
    static let compareObject = Cmdlet(
        "Compare", "Object", aliases: ["compare", "diff"], synopsis: "Compares two lists of objects.",
        details:
            "Each object of one list is paired with an equal one of the other, wherever that stands unless -SyncWindow says how far. What has no partner is given with its side: <= only in -ReferenceObject, => only in -DifferenceObject, == in both.",
        sets: [.init("Default", shape: .many)],
        parameters: [
            Parameter("ReferenceObject", .any, "The list to compare with.", mandatory: true, position: 0, many: true),
            Parameter("DifferenceObject", .any, "The list that is compared.", mandatory: true, position: 1, pipeline: .byValue, many: true),
            Parameter("Property", .property, "What to compare by; without it the values themselves.", position: 2, many: true),
            Parameter("IncludeEqual", .switched, "Gives what is in both, too."),
            Parameter("ExcludeDifferent", .switched, "Leaves out what is in one only."),
            Parameter("CaseSensitive", .switched, "Letter case counts."),
            Parameter("PassThru", .switched, "Gives the objects themselves."),
            Parameter("SyncWindow", .integer(0...Int64.max), "How far from its place a partner may stand.", default: .integer(Int64.max)),
        ],
        output: "Comparison",
        examples: [
            Example("Compare-Object a, b b, c", "a is only in the first, c only in the second."),
            Example("Compare-Object -Property Name (Get-VM web*) (Get-VM)", "The machines that are not web servers."),
        ],
        body: .streaming { invocation in
            // The difference comes from the pipeline or as an argument; the reference is always an argument.
            var difference: [Value] = []
            let isPiped = invocation.arguments.isPiped("DifferenceObject") || !invocation.isGiven("DifferenceObject")
            if !isPiped { difference = (invocation.list("DifferenceObject") ?? []).flatMap(\.elements) }
            return StreamClosures {
                if isPiped { difference.append($0) }
                return true
            } end: {
                let reference = (invocation.list("ReferenceObject") ?? []).flatMap(\.elements)
                try compare(reference, difference, invocation)
            }
        })

    private static func compare(_ reference: [Value], _ difference: [Value], _ invocation: any Invocation) throws {
        let properties = try invocation.properties("Property") ?? []
        let isCaseSensitive = invocation.isOn("CaseSensitive")
        func keys(_ values: [Value]) throws -> [[Value]] {
            try zip(values, PropertyReader.snapshots(of: values)).map { value, snapshot in
                guard !properties.isEmpty else { return [value] }
                return try properties.map { property in
                    if case .name(let name) = property.source { _ = try invocation.checkedName(name, of: value) }
                    return try property.evaluate(value, snapshot: snapshot)
                }
            }
        }
        let (left, right) = (try keys(reference), try keys(difference))
        // Equal keys have equal text, so partners are looked for among those only.
        func text(_ key: [Value]) -> String {
            let text = key.map(\.text).joined(separator: "\0")
            return isCaseSensitive ? text : text.lowercased()
        }
        func isEqual(_ a: [Value], _ b: [Value]) -> Bool {
            zip(a, b).allSatisfy { Ordering.compareAny($0, $1, isCaseSensitive: isCaseSensitive) == 0 }
        }
        var waiting: [String: [Int]] = [:]
        for (place, key) in left.enumerated().reversed() { waiting[text(key), default: []].append(place) }
        let window = Int(clamping: invocation.integer("SyncWindow") ?? Int64.max)
        var isPaired = [Bool](repeating: false, count: left.count)
        var equal: [Int] = []
        var only: [Int] = []
        for (place, key) in right.enumerated() {
            let partner = waiting[text(key)]?.lastIndex { isEqual(left[$0], key) && abs($0 - place) <= window }
            if let partner, let found = waiting[text(key)]?.remove(at: partner) {
                isPaired[found] = true
                equal.append(found)
            } else {
                only.append(place)
            }
        }
        func give(_ value: Value, _ key: [Value], _ side: String) throws {
            if invocation.isOn("PassThru") { return try invocation.emit(value) }
            var record = Record(typeName: "Comparison")
            if properties.isEmpty {
                record["InputObject"] = value
            } else {
                for (property, value) in zip(properties, key) { record[property.label] = value }
            }
            record["SideIndicator"] = .string(side)
            try invocation.emit(.record(record))
        }
        if invocation.isOn("IncludeEqual") || invocation.isOn("ExcludeDifferent") {
            for place in equal { try give(reference[place], left[place], "==") }
        }
        guard !invocation.isOn("ExcludeDifferent") else { return }
        for place in only { try give(difference[place], right[place], "=>") }
        for place in left.indices where !isPaired[place] { try give(reference[place], left[place], "<=") }
    }
}
