import Basics
import Management
import Persistence

extension Cmdlet {
    /// `Measure-VMResourcePool`.
    static let measureVMResourcePool = Cmdlet(
        "Measure", "VMResourcePool", synopsis: "Shows what the machines of resource pools used, as Measure-VM does of one.",
        details:
            "Only machines that are metered count: Enable-VMResourceMetering -ResourcePoolName turns it on for all that take from the pool then. Averages of the machines are added up; the maximum of memory is the sum of theirs.",
        sets: [.init("Default", shape: .many)],
        parameters: [
            Parameter(
                "Name", .string, "Names of pools; wildcards are accepted.", mandatory: true, position: 0, pipeline: .byPropertyName,
                many: true,
                wildcards: true),
            Parameter(
                "ResourcePoolType", .enumeration("VMResourcePoolType", ["Ethernet", "Memory", "Processor", "VHD"]),
                "Only pools of these kinds.", position: 1, pipeline: .byPropertyName, many: true),
        ] + Parameter.remote(sets: [], sessionByProperty: true),
        output: "VMMeteringReportForResourcePool",
        examples: [Example("Measure-VMResourcePool Primordial Memory", "What all metered machines used.")],
        body: .perCall { invocation in
            let measured: Set<ResourcePool.Kind> = [.ethernet, .memory, .processor, .hardDisk]
            for pool in try invocation.resourcePools() where measured.contains(pool.kind) {
                let reports = try invocation.context.host.members(of: pool).filter { (try? $0.configuration())?.metering != nil }
                    .map { try UsageReport($0).figures }
                try invocation.emit(
                    .record(
                        Record(
                            typeName: "VMMeteringReportForResourcePool",
                            [
                                ("ResourcePoolName", .string(pool.name)), ("ResourcePoolType", .list([.string(pool.kind.rawValue)])),
                                ("ComputerName", .string(LocalHost.name)), ("MachineCount", .count(reports.count)),
                            ] + sum(reports))))
            }
        })

    /// The figures added up; of durations the longest.
    private static func sum(_ reports: [[(name: String, value: Value)]]) -> [(name: String, value: Value)] {
        guard let first = reports.first else { return [] }
        return first.enumerated().map { index, field in
            let values = reports.map { $0[index].value }
            switch field.value {
            case .duration:
                let longest =
                    values.compactMap { value -> Int64? in
                        if case .duration(let span) = value { span.ticks } else { nil }
                    }.max() ?? 0
                return (field.name, .duration(TimeSpan(ticks: longest)))
            case .list: return (field.name, .list(values.flatMap(\.elements)))
            default:
                let numbers = values.compactMap(\.integerValue)
                return (field.name, numbers.isEmpty ? .null : .integer(numbers.reduce(0, +)))
            }
        }
    }
}
