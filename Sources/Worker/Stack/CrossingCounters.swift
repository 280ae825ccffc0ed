import CHost
import Synchronization

/// How often work of one machine went from one of its parts to another. Counted always, by any thread.
package final class CrossingCounters: Sendable {
    private let portCalls = Atomic<UInt64>(0)
    private let rootCalls = Atomic<UInt64>(0)
    private let servedCalls = Atomic<UInt64>(0)
    private let handedCalls = Atomic<UInt64>(0)
    private let pumpSystemCalls = Atomic<UInt64>(0)

    package init() {}

    /// Signals and messages of the guest that the hypervisor handed to a port of the stack.
    package var ports: UInt64 { portCalls.load(ordering: .relaxed) }
    /// Hypercalls that the stack made to reach the guest.
    package var root: UInt64 { rootCalls.load(ordering: .relaxed) }
    /// Signals whose work was done on the virtual processor's thread, within its exit.
    package var served: UInt64 { servedCalls.load(ordering: .relaxed) }
    /// Signals whose work was left to a thread of the stack.
    package var handed: UInt64 { handedCalls.load(ordering: .relaxed) }
    /// System calls of the pumps (their bells and what they wait in) and of what runs in them for disks.
    package var systemCalls: UInt64 { pumpSystemCalls.load(ordering: .relaxed) }

    func countPort() { portCalls.wrappingAdd(1, ordering: .relaxed) }
    func countRoot() { rootCalls.wrappingAdd(1, ordering: .relaxed) }
    func countServed() { servedCalls.wrappingAdd(1, ordering: .relaxed) }
    func countHanded() { handedCalls.wrappingAdd(1, ordering: .relaxed) }
    /// What the calling thread has done for disks, which it did in a pump of this machine: a process may hold several machines.
    func countDiskCalls() {
        let count = lv_disk_take_calls()
        if count > 0 { countSystemCalls(count) }
    }
    func countSystemCalls(_ count: UInt64 = 1) { pumpSystemCalls.wrappingAdd(count, ordering: .relaxed) }
}
