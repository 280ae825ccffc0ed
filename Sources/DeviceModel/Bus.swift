/// A device with I/O ports. It never asks where it is mapped: `offset` counts from its first port.
package protocol PortDevice: AnyObject {
    /// `size` is 1, 2 or 4 bytes. Called under the machine lock.
    func readPort(_ offset: UInt16, size: Int) -> UInt32
    func writePort(_ offset: UInt16, size: Int, value: UInt32)
}

/// A device with memory-mapped registers; `offset` counts from its first byte, `size` is 1, 2, 4 or 8.
package protocol MemoryDevice: AnyObject {
    func readMemory(_ offset: UInt64, size: Int) -> UInt64
    func writeMemory(_ offset: UInt64, size: Int, value: UInt64)
}

/// A device that wants to know when a level-triggered interrupt of `vector` was acknowledged (the IOAPIC).
package protocol EndOfInterruptListener: AnyObject {
    func endOfInterrupt(vector: UInt8)
}

/// What HypervisorCore sees of everything outside it: exits reach devices through this protocol, which knows neither process nor
/// partition. The root partition's virtualization stack fulfils it (in-process: `DeviceBus`).
package protocol DeviceAccess: AnyObject {
    /// nil: nobody claims the port (reads are all ones, writes vanish).
    func readPort(_ port: UInt16, size: Int) -> UInt32?
    /// false: nobody claims the port.
    func writePort(_ port: UInt16, size: Int, value: UInt32) -> Bool
    func readMemory(_ address: UInt64, size: Int) -> UInt64?
    func writeMemory(_ address: UInt64, size: Int, value: UInt64) -> Bool
    func endOfInterrupt(vector: UInt8)
}

/// One interrupt input of a controller, as a device sees it. Level semantics: raised until lowered.
package protocol InterruptLine: AnyObject {
    func set(_ level: Bool)
}

extension InterruptLine {
    /// An edge: up and down.
    package func pulse() {
        set(true)
        set(false)
    }
}

/// A message-signalled interrupt: what an IOAPIC entry or a device sends to the local APICs (SDM vol. 3, 11.11).
package struct InterruptMessage: Equatable, Sendable {
    package var address: UInt64
    package var data: UInt32
    package init(address: UInt64, data: UInt32) { (self.address, self.data) = (address, data) }
}

/// Where message-signalled interrupts go; HypervisorCore's partition fulfils it. Callable from any thread.
package protocol InterruptMessageSink: AnyObject {
    func send(_ message: InterruptMessage)
}
