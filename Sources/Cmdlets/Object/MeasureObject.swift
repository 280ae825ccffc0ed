import Basics

extension Cmdlet {
    /// `Measure-Object`: counts, sums, averages and extremes.
    static let measureObject = Cmdlet(
        "Measure", "Object", aliases: ["measure"], synopsis: "Counts objects and computes sums, averages and extremes of a property.",
        sets: [.init("Default", shape: .one)],
        parameters: [
            Parameter("Property", .property, "What to measure; without it the values themselves.", position: 0),
            Parameter("Sum", .switched, "Computes the sum."),
            Parameter("Average", .switched, "Computes the average."),
            Parameter("Maximum", .switched, "Finds the greatest value."),
            Parameter("Minimum", .switched, "Finds the least value."),
            .inputObject,
        ],
        output: "MeasureInfo",
        examples: [Example("Get-VM | Measure-Object MemoryAssigned -Sum", "The memory that all virtual machines have together.")],
        inputFirst: true,
        body: .all { invocation, values in
            let property = try invocation.properties("Property")?.first
            let snapshots = try property == nil ? values.map { _ in nil } : PropertyReader.snapshots(of: values)
            var measured: [Value] = []
            for (value, snapshot) in zip(values, snapshots) {
                guard let property else {
                    measured.append(value)
                    continue
                }
                if case .name(let name) = property.source { _ = try invocation.checkedName(name, of: value) }
                let result = try property.evaluate(value, snapshot: snapshot)
                if !result.isNull { measured.append(result) }
            }
            var record = Record(typeName: "MeasureInfo", [("Count", .integer(Int64(measured.count)))])
            if invocation.isOn("Sum") || invocation.isOn("Average") {
                let spans = measured.compactMap { if case .duration(let span) = $0 { span } else { nil } }
                let numbers = measured.compactMap { $0.numberValue ?? $0.stringValue.flatMap(Double.init) }
                guard spans.count == measured.count || numbers.count == measured.count else {
                    throw ErrorRecord(
                        "Measure-Object: \(measured.first { $0.numberValue == nil }?.shown ?? "a value") is not a number.",
                        "NonNumericInputObject",
                        .invalidData, cmdlet: "Measure-Object")
                }
                let isSpan = !spans.isEmpty
                let total = isSpan ? spans.map(\.totalSeconds).reduce(0, +) : numbers.reduce(0, +)
                func value(_ number: Double) -> Value {
                    isSpan ? .duration(TimeSpan(seconds: number)) : Int64(exactly: number).map { .integer($0) } ?? .number(number)
                }
                if invocation.isOn("Average"), !measured.isEmpty { record["Average"] = value(total / Double(measured.count)) }
                if invocation.isOn("Sum") { record["Sum"] = value(total) }
            }
            let sorted = measured.sorted { Ordering.compareAny($0, $1, isCaseSensitive: false) < 0 }
            if invocation.isOn("Maximum") { record["Maximum"] = sorted.last ?? .null }
            if invocation.isOn("Minimum") { record["Minimum"] = sorted.first ?? .null }
            if let property { record["Property"] = .string(property.label) }
            try invocation.emit(.record(record))
        })
}
