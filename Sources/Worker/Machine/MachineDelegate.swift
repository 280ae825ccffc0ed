import Basics
import WorkerProtocol

/// Who hears what a machine does: the worker's control side (console file, event log, subscribers), or a test.
///
/// Calls come one after another, in the order things happened, on a thread of the machine that holds none of its locks; a
/// delegate may call the machine back.
package protocol MachineDelegate: AnyObject, Sendable {
    /// The guest wrote to COM`port` (1 or 2).
    func machine(console port: Int, wrote bytes: [UInt8])
    func machine(happened event: MachineEvent)
    func machine(changedTo state: VirtualMachineState)
    /// Exact mode: something from outside entered at this count, so that the run can be repeated.
    func machine(took input: MachineInput)
}

extension MachineDelegate {
    package func machine(took input: MachineInput) {}
}

/// Something that belongs into the VM's event log.
package struct MachineEvent: Codable, Equatable, Sendable {
    /// A stable word for programs.
    package enum Kind: String, Codable, Sendable, CaseIterable {
        case started, restored, paused, resumed, saved, turnedOff
        /// The guest or the host reset the machine.
        case reset
        /// The guest asked for power off by ACPI.
        case guestPowerOff
        /// The guest wrote the crash MSRs; `guestText` holds its message.
        case guestCrash
        case tripleFault
        /// All virtual processors are halted with interrupts off: nothing but a reset wakes this guest.
        case deadlyHalt
        /// The processor does not do what the guest asked for, for example a task switch.
        case unsupported
        /// A synthetic device's service reports trouble; `guestText` says which.
        case service
        /// The host has no room for a virtual disk; the machine stands until it is resumed.
        case diskFull
        /// The guest ejected the medium of a DVD drive; `drive` says which.
        case ejected
        /// Console bytes or events were lost because nobody took them.
        case lost
        /// The machine itself failed, for example its kernel could not be loaded again at a reset.
        case failure
        /// A guest program wrote its exit code to the test port.
        case guestExit
    }
    package enum Severity: String, Codable, Sendable, CaseIterable { case information, warning, error, critical }

    package var kind: Kind
    package var severity: Severity
    /// For a person.
    package var text: String
    /// What the guest said of itself (crash text): hostile, to be escaped when printed.
    package var guestText: String?
    /// Crash parameters P0 to P4, or a guest program's exit code.
    package var parameters: [UInt64]?
    /// The drive that it is about.
    package var drive: DrivePlace?
    /// Partition time in nanoseconds.
    package var partitionTime: UInt64

    package init(_ kind: Kind, _ severity: Severity, _ text: String, partitionTime: UInt64 = 0) {
        (self.kind, self.severity, self.text, self.partitionTime) = (kind, severity, text, partitionTime)
    }
}

/// A drive by its controller's id and its location there.
package struct DrivePlace: Codable, Hashable, Sendable {
    package var controller: GUID
    package var location: Int
    package init(controller: GUID, location: Int) { (self.controller, self.location) = (controller, location) }
}
