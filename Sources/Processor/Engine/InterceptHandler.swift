/// What the engine asks for in the middle of an instruction; HypervisorCore's virtual processor fulfils it.
///
/// Called on the VP's thread. General registers hold their values before the instruction, RIP its address. A handler may read and
/// write registers through the engine, and may call `requestExit()`.
package protocol InterceptHandler: AnyObject {
    /// IN. `size` is 1, 2 or 4 bytes. Unclaimed ports read as all ones.
    func readPort(_ port: UInt16, size: Int) -> InterceptResult<UInt32>
    /// OUT.
    func writePort(_ port: UInt16, size: Int, value: UInt32) -> InterceptResult<Void>
    /// A load from a guest-physical address without RAM behind it; `size` is 1, 2, 4 or 8 and does not cross a page.
    func readMemory(_ address: UInt64, size: Int) -> InterceptResult<UInt64>
    /// A store to a guest-physical address without writable RAM behind it.
    func writeMemory(_ address: UInt64, size: Int, value: UInt64) -> InterceptResult<Void>
    func cpuid(leaf: UInt32, subleaf: UInt32) -> CPUIDResult
    /// RDMSR of a register the engine does not keep itself (ArchitecturalMSR lists those it does).
    func readMSR(_ index: UInt32) -> InterceptResult<UInt64>
    func writeMSR(_ index: UInt32, _ value: UInt64) -> InterceptResult<Void>
    /// The time-stamp counter at this very instruction.
    func readTimestampCounter() -> UInt64
    /// CR8 in 64-bit mode: bits 7-4 of the local APIC's task priority.
    func readTaskPriority() -> UInt8
    func writeTaskPriority(_ value: UInt8)
    /// The guest went idle or did something worth an event (for logs and for counters); never changes the run.
    func note(_ event: EngineNote)
}

/// How an intercept ended.
package enum InterceptResult<Value: Sendable>: Sendable {
    /// The instruction completes with this value.
    case value(Value)
    /// The instruction faults: an exception is raised at it and nothing of it is done.
    case exception(vector: UInt8, errorCode: UInt32?)

    /// #GP(0).
    package static var generalProtection: Self { .exception(vector: 13, errorCode: 0) }
    /// #UD.
    package static var undefinedInstruction: Self { .exception(vector: 6, errorCode: nil) }
}

extension InterceptResult where Value == Void {
    /// The instruction completes.
    package static var done: Self { .value(()) }
}

package struct CPUIDResult: Equatable, Sendable {
    package var eax: UInt32, ebx: UInt32, ecx: UInt32, edx: UInt32
    package init(eax: UInt32 = 0, ebx: UInt32 = 0, ecx: UInt32 = 0, edx: UInt32 = 0) {
        (self.eax, self.ebx, self.ecx, self.edx) = (eax, ebx, ecx, edx)
    }
}

/// Happenings that deserve an event in the VM's log.
package enum EngineNote: Equatable, Sendable {
    /// A task gate or a far transfer to a TSS: not there yet.
    case taskSwitchRefused
}

/// What an engine sees of the guest-physical address space. HypervisorCore's `GPASpace` fulfils it.
package protocol GuestPhysicalMap: AnyObject {
    /// What backs the 4 KiB page that holds `address`. Called on a TLB miss, from any VP thread.
    func page(at address: UInt64) -> GuestPhysicalPage
}

/// The backing of one guest-physical page.
package struct GuestPhysicalPage {
    /// First host byte of the page; nil: not memory, every access is an intercept.
    package var host: UnsafeMutableRawPointer?
    /// false: stores are intercepts.
    package var isWritable: Bool
    package init(host: UnsafeMutableRawPointer?, isWritable: Bool) { (self.host, self.isWritable) = (host, isWritable) }
}
