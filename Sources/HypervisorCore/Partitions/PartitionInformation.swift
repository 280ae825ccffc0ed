import Processor

/// A partition as views show it.
package struct PartitionInformation: Codable, Equatable, Sendable {
    package struct Hypercalls: Codable, Equatable, Sendable {
        /// The manual's name; "Unknown" sums calls with codes that do not exist.
        package var name: String
        package var code: UInt16?
        package var count: UInt64
    }
    package struct Intercepts: Codable, Equatable, Sendable {
        package var kind: InterceptKind
        package var count: UInt64
    }
    package struct Privileged: Codable, Equatable, Sendable {
        package var kind: PrivilegedKind
        package var count: UInt64
    }
    package var id: UInt64
    package var parentID: UInt64?
    package var name: String
    package var state: PartitionState
    package var privileges: PartitionPrivileges
    package var virtualProcessors: Int
    package var memoryBytes: UInt64
    package var hypercalls: [Hypercalls]
    package var intercepts: [Intercepts]
    /// Partition time its VPs ran, summed.
    package var runTimeNanoseconds: UInt64
    /// Privileged instructions done, by kind; nil: they are not counted.
    package var privileged: [Privileged]?
}

/// A VP as views show it.
package struct VirtualProcessorInformation: Codable, Equatable, Sendable {
    package var index: Int
    package var apicID: UInt32
    package var runState: VirtualProcessor.RunState
    package var instructionsRetired: UInt64
    package var runTimeNanoseconds: UInt64
    /// On request, and only while the VP stands still.
    package var registers: ProcessorState?
    /// What the engine counted, with the registers.
    package var counters: EngineCounters?
}

extension Partition {
    /// A snapshot; any thread.
    package var information: PartitionInformation {
        let list = processors
        return PartitionInformation(
            id: id, parentID: parentID, name: name, state: state, privileges: privileges,
            virtualProcessors: isRoot ? hypervisor.logicalProcessors : list.count,
            memoryBytes: machine?.configuration.memory.size ?? 0,
            hypercalls: hypercallCount.map { PartitionInformation.Hypercalls(name: $0.name, code: $0.code, count: $0.count) },
            intercepts: InterceptKind.allCases.map { kind in
                PartitionInformation.Intercepts(kind: kind, count: list.reduce(0) { $0 &+ $1.interceptCounts[kind.index] })
            },
            runTimeNanoseconds: list.reduce(0) { $0 &+ $1.runTime }, privileged: privileged(list))
    }

    private func privileged(_ list: [VirtualProcessor]) -> [PartitionInformation.Privileged]? {
        let counts = list.compactMap { $0.engine.privilegedCounts }
        guard !counts.isEmpty else { return nil }
        return PrivilegedKind.allCases.enumerated().map { number, kind in
            PartitionInformation.Privileged(kind: kind, count: counts.reduce(0) { $0 &+ ($1.indices.contains(number) ? $1[number] : 0) })
        }
    }
}
