extension Cmdlet {
    /// `Get-History`.
    static let getHistory = Cmdlet(
        "Get", "History", aliases: ["ghy"], synopsis: "Lists what was typed at the prompt of this session.",
        sets: [.init("Default", shape: .many)],
        parameters: [
            Parameter("Id", .integer(1...Int64.max), "Numbers of entries.", position: 0, many: true),
            Parameter("Count", .integer(0...Int64(Int32.max)), "Only that many, the last ones.", position: 1),
        ],
        output: "HistoryInfo",
        examples: [Example("Get-History -Count 5", "The last five.")],
        body: .perCall { invocation in
            let wanted = invocation.list("Id")?.compactMap(\.integerValue)
            var entries = invocation.context.history.enumerated().map { (id: Int64($0.offset + 1), entry: $0.element) }
            if let wanted { entries = entries.filter { wanted.contains($0.id) } }
            if let count = invocation.integer("Count") { entries = entries.suffix(Int(clamping: count)) }
            for (id, entry) in entries {
                try invocation.emit(
                    .record(
                        Record(
                            typeName: "HistoryInfo",
                            [
                                ("Id", .integer(id)), ("CommandLine", .string(entry.text)), ("StartExecutionTime", .time(entry.began)),
                                ("EndExecutionTime", .time(entry.ended)), ("Duration", .duration(entry.ended.since(entry.began))),
                            ])))
            }
        })
}
