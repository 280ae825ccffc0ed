extension Cmdlet {
    /// `Group-Object`: objects with equal properties together.
    static let groupObject = Cmdlet(
        "Group", "Object", aliases: ["group"], synopsis: "Groups objects that have equal properties.",
        sets: [.init("Default", shape: .many)],
        parameters: [
            Parameter("Property", .property, "What to group by; without it the values themselves.", position: 0, many: true),
            Parameter("NoElement", .switched, "Leaves the objects out of the result."),
            Parameter("CaseSensitive", .switched, "Letter case counts."),
            .inputObject,
        ],
        output: "GroupInfo",
        examples: [Example("Get-VM | Group-Object State", "How many virtual machines are in which state.")],
        inputFirst: true,
        body: .all { invocation, values in
            let properties = try invocation.properties("Property") ?? []
            let isCaseSensitive = invocation.isOn("CaseSensitive")
            let snapshots = try PropertyReader.snapshots(of: values)
            var groups: [(key: [Value], members: [Value])] = []
            for (value, snapshot) in zip(values, snapshots) {
                let key =
                    try properties.isEmpty
                    ? [value]
                    : properties.map { property in
                        if case .name(let name) = property.source { _ = try invocation.checkedName(name, of: value) }
                        return try property.evaluate(value, snapshot: snapshot)
                    }
                let place = groups.firstIndex { group in
                    zip(group.key, key).allSatisfy { Ordering.compareAny($0, $1, isCaseSensitive: isCaseSensitive) == 0 }
                }
                if let place { groups[place].members.append(value) } else { groups.append((key, [value])) }
            }
            for group in groups {
                var record = Record(
                    typeName: "GroupInfo",
                    [
                        ("Count", .integer(Int64(group.members.count))),
                        ("Name", .string(group.key.map { CellText.text($0) }.joined(separator: ", "))),
                    ])
                if !invocation.isOn("NoElement") { record["Group"] = .list(group.members) }
                record["Values"] = .list(group.key)
                try invocation.emit(.record(record))
            }
        })
}
