import DeviceModel
import Processor
import Synchronization

/// States of a partition (TLFS 4.3), and Suspended, which the stack sets while it lets no VP run.
package enum PartitionState: String, Codable, Sendable {
    case uninitialized = "Uninitialized"
    case active = "Active"
    case suspended = "Suspended"
    case finalized = "Finalized"
}

/// A partition: identity, privileges, VPs and guest-physical address space; the root is one too.
///
/// The root's code is the virtualization stack of this process, so the root has neither VPs nor a GPA space here. A child is empty until
/// `provide`; VPs come before it is initialised and stay until it is deleted.
package final class Partition: @unchecked Sendable {
    package let id: UInt64
    package let parentID: UInt64?
    // Safety: as `machine`.
    package private(set) var privileges: PartitionPrivileges
    package unowned let hypervisor: Hypervisor

    /// What `provide` gave, with what follows from it.
    final class Machine {
        let configuration: PartitionConfiguration
        let gpaSpace: GPASpace
        let hypercallPage = OverlayPage(.hypercall, isGuestWritable: false)
        let referenceTSCPage = OverlayPage(.referenceTSC, isGuestWritable: false)
        let ports = PortTable()
        init(_ configuration: PartitionConfiguration) {
            self.configuration = configuration
            gpaSpace = GPASpace(memory: configuration.memory)
            hypercallPage.write(0, HypercallPage.code)
            referenceTSCPage.write(0, ReferenceTSCPage.content)
        }
    }

    struct Guarded {
        var state = PartitionState.uninitialized
        var registers = PartitionRegisters()
    }
    let guarded = Mutex(Guarded())
    // Safety: both are set by the creating thread before any VP runs and only cleared when all have stopped.
    private(set) var machine: Machine?
    package private(set) var processors: [VirtualProcessor] = []

    /// Calls by code, and in the last word calls with an unknown code.
    private let hypercallCounts = AtomicWords(count: HypercallCode.allCases.count + 1)

    init(id: UInt64, parentID: UInt64?, privileges: PartitionPrivileges, hypervisor: Hypervisor) {
        self.id = id
        self.parentID = parentID
        self.privileges = privileges
        self.hypervisor = hypervisor
    }

    package var isRoot: Bool { parentID == nil }
    package var name: String { isRoot ? "Root" : machine?.configuration.name ?? "" }
    package var state: PartitionState { guarded.withLock { $0.state } }
    /// nil for the root.
    package var gpaSpace: GPASpace? { machine?.gpaSpace }

    // MARK: Life

    /// Gives an uninitialised child its memory, time and devices; once.
    func provide(_ configuration: PartitionConfiguration) {
        guard machine == nil else { return }
        machine = Machine(configuration)
        if !configuration.showsHypervisor { privileges = [] }
    }

    /// Adds the VP with the next number; the caller has checked privilege and state.
    func addProcessor() throws {
        guard let machine else { return }
        let processor = VirtualProcessor(index: processors.count, partition: self, machine: machine)
        try processor.attachEngine()
        processors.append(processor)
    }

    func become(_ state: PartitionState) { guarded.withLock { $0.state = state } }

    /// Records for views whether the stack lets the VPs run; stopping them is the stack's own work.
    package func setRunning(_ running: Bool) {
        guarded.withLock { guarded in
            if guarded.state == .active || guarded.state == .suspended { guarded.state = running ? .active : .suspended }
        }
    }

    /// Breaks the cycles between partition, VPs and engines. All VPs have stopped.
    func dissolve() {
        processors.removeAll()
        machine = nil
    }

    /// Power-up state of everything but RAM. All VPs have stopped; VP 0 stands at the reset vector, the others wait for a SIPI.
    package func reset() {
        guarded.withLock { $0.registers = PartitionRegisters() }
        placeSharedOverlays()
        for processor in processors { processor.reset() }
        flushTranslations()
    }

    // MARK: Overlays and translations

    /// Moves an overlay and flushes the translations of all VPs. No lock is held while it waits for them.
    func place(_ overlay: OverlayPage, at address: UInt64?) {
        guard let machine, machine.gpaSpace.place(overlay, at: address) else { return }
        flushTranslations()
    }

    func flushTranslations() {
        for processor in processors { processor.engine.flushTranslations(of: nil) }
    }

    // MARK: Counting

    func countHypercall(_ code: HypercallCode?) {
        hypercallCounts.add(code.flatMap { HypercallCode.ordinals[$0] } ?? HypercallCode.ordinals.count, 1)
    }

    package var hypercallCount: [(name: String, code: UInt16?, count: UInt64)] {
        var list = HypercallCode.allCases.enumerated().map { (name: $1.name, code: UInt16?($1.rawValue), count: hypercallCounts[$0]) }
        list.append((name: "Unknown", code: nil, count: hypercallCounts[HypercallCode.allCases.count]))
        return list.filter { $0.count > 0 }
    }

    func report(_ event: PartitionEvent) { machine?.configuration.observer?.partition(self, reports: event) }
}
