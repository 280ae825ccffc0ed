import Basics

/// The emulated devices of one machine and where they are mapped: in-process `DeviceAccess` of the parent's virtualization stack.
///
/// Every access runs under the machine lock, which also guards timers' actions and input from outside (`withLock`). Mapping happens
/// while the machine is put together; overlaps are refused then.
package final class DeviceBus: DeviceAccess, @unchecked Sendable {
    private struct PortRange { var first: UInt16, count: UInt16, device: any PortDevice }
    private struct MemoryRange { var base: UInt64, size: UInt64, device: any MemoryDevice }

    // Safety: the arrays are filled before a VP runs and only read afterwards; devices are touched under `lock`.
    private let lock = HostLock()
    /// For each port one more than the index into `ports`; 0: unclaimed.
    private var portOwner = [UInt8](repeating: 0, count: 1 << 16)
    private var ports: [PortRange] = []
    private var memory: [MemoryRange] = []
    private var listeners: [any EndOfInterruptListener] = []

    package init() {}

    /// Maps `count` ports from `first`. false, and nothing mapped: a port is taken or does not exist.
    package func map(_ device: any PortDevice, ports first: UInt16, count: UInt16) -> Bool {
        let end = Int(first) + Int(count)
        guard count > 0, end <= portOwner.count, ports.count < 255 else { return false }
        guard portOwner[Int(first)..<end].allSatisfy({ $0 == 0 }) else { return false }
        ports.append(PortRange(first: first, count: count, device: device))
        for port in Int(first)..<end { portOwner[port] = UInt8(ports.count) }
        return true
    }

    /// Maps `size` bytes from guest-physical `base`, outside RAM. false: the range is taken.
    package func map(_ device: any MemoryDevice, memory base: UInt64, size: UInt64) -> Bool {
        guard size > 0, !base.addingReportingOverflow(size).overflow else { return false }
        guard !memory.contains(where: { base < $0.base + $0.size && $0.base < base + size }) else { return false }
        memory.append(MemoryRange(base: base, size: size, device: device))
        return true
    }

    package func add(_ listener: any EndOfInterruptListener) { listeners.append(listener) }

    /// Runs `body` under the machine lock. Not re-entrant: devices never call it.
    package func withLock<Result>(_ body: () throws -> Result) rethrows -> Result {
        lock.lock()
        defer { lock.unlock() }
        return try body()
    }

    package func readPort(_ port: UInt16, size: Int) -> UInt32? {
        let owner = portOwner[Int(port)]
        guard owner != 0 else { return nil }
        let range = ports[Int(owner) - 1]
        return withLock { range.device.readPort(port - range.first, size: size) }
    }

    package func writePort(_ port: UInt16, size: Int, value: UInt32) -> Bool {
        let owner = portOwner[Int(port)]
        guard owner != 0 else { return false }
        let range = ports[Int(owner) - 1]
        withLock { range.device.writePort(port - range.first, size: size, value: value) }
        return true
    }

    package func readMemory(_ address: UInt64, size: Int) -> UInt64? {
        guard let range = range(at: address) else { return nil }
        return withLock { range.device.readMemory(address - range.base, size: size) }
    }

    package func writeMemory(_ address: UInt64, size: Int, value: UInt64) -> Bool {
        guard let range = range(at: address) else { return false }
        withLock { range.device.writeMemory(address - range.base, size: size, value: value) }
        return true
    }

    package func endOfInterrupt(vector: UInt8) {
        withLock { for listener in listeners { listener.endOfInterrupt(vector: vector) } }
    }

    private func range(at address: UInt64) -> MemoryRange? {
        memory.first { address >= $0.base && address - $0.base < $0.size }
    }
}
