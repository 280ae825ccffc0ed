extension Cmdlet {
    /// `Sort-Object`: stable, by properties or by the values themselves.
    static let sortObject = Cmdlet(
        "Sort", "Object", aliases: ["sort"], synopsis: "Sorts objects by properties.",
        details:
            "Each object is read once. Objects that compare equal keep their order. A calculated property may say Descending = true for itself.",
        sets: [.init("Default", shape: .many)],
        parameters: [
            Parameter(
                "Property", .property, "What to sort by, the first first; without it the values themselves.", position: 0, many: true),
            Parameter("Descending", .switched, "Sorts from high to low."),
            Parameter("Unique", .switched, "Keeps one of those that compare equal."),
            Parameter("CaseSensitive", .switched, "Letter case counts."),
            Parameter("Top", .integer(1...Int64.max), "Keeps that many from the beginning."),
            Parameter("Bottom", .integer(1...Int64.max), "Keeps that many from the end."),
            .inputObject,
        ],
        output: "Object",
        examples: [Example("Get-VM | Sort-Object CPUUsage -Descending", "The busiest virtual machine first.")],
        inputFirst: true,
        body: .all { invocation, values in
            let properties = try invocation.properties("Property") ?? []
            let isDescending = invocation.isOn("Descending")
            let isCaseSensitive = invocation.isOn("CaseSensitive")
            let snapshots = try PropertyReader.snapshots(of: values)
            var rows: [(value: Value, keys: [Value])] = []
            for (value, snapshot) in zip(values, snapshots) {
                let keys = try properties.map { property in
                    if case .name(let name) = property.source { _ = try invocation.checkedName(name, of: value) }
                    return try property.evaluate(value, snapshot: snapshot)
                }
                rows.append((value, keys.isEmpty ? [value] : keys))
            }
            func order(_ a: [Value], _ b: [Value]) -> Int {
                for (position, pair) in zip(a, b).enumerated() {
                    let result = Ordering.compareAny(pair.0, pair.1, isCaseSensitive: isCaseSensitive)
                    guard result != 0 else { continue }
                    let turns = position < properties.count ? properties[position].isDescending ?? isDescending : isDescending
                    return turns ? -result : result
                }
                return 0
            }
            var sorted = rows.enumerated().sorted { left, right in
                let result = order(left.element.keys, right.element.keys)
                return result == 0 ? left.offset < right.offset : result < 0
            }.map(\.element)
            if invocation.isOn("Unique") {
                var kept: [(value: Value, keys: [Value])] = []
                for row in sorted { if kept.last.map({ order($0.keys, row.keys) != 0 }) ?? true { kept.append(row) } }
                sorted = kept
            }
            if let top = invocation.integer("Top") { sorted = Array(sorted.prefix(Int(clamping: top))) }
            if let bottom = invocation.integer("Bottom") { sorted = Array(sorted.suffix(Int(clamping: bottom))) }
            for row in sorted { try invocation.emit(row.value) }
        })
}

extension Ordering {
    /// A total order: what cannot be compared is ordered by kind, so that sorting mixed values is well defined.
    static func compareAny(_ left: Value, _ right: Value, isCaseSensitive: Bool) -> Int {
        func kind(_ value: Value) -> Int {
            switch value {
            case .null: 0
            case .boolean: 1
            case .integer, .number: 2
            case .duration: 3
            case .time: 4
            default: 5
            }
        }
        let (a, b) = (kind(left), kind(right))
        guard a == b else { return a < b ? -1 : 1 }
        return compare(left, right, isCaseSensitive: isCaseSensitive) ?? 0
    }
}
