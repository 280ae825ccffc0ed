import Boot
import DeviceModel
import Devices

/// The emulated devices of a machine: one list, each line naming a device and its place.
struct DeviceInventory {
    let serialPorts: [UART16550A]
    let ioapic: IOAPIC
    let clock: RealTimeClock
    let powerManagement: ACPIPowerManagement
    let resetPort: ResetPort
    /// The disks of a guest without enlightenments; nil: it has synthetic ones.
    let ataChannel: ATAChannel?

    /// What devices do to the world around them. All are called under the machine lock and must be quick.
    struct Surroundings {
        var interrupts: any InterruptMessageSink
        var timers: any TimerService
        var wallClock: any WallClock
        /// COM port (1 or 2) and a byte it sent.
        var serialOutput: (Int, UInt8) -> Void
        var powerOff: () -> Void
        var reset: () -> Void
        /// Ports for guest programs; nil in every machine but a test's.
        var testExit: ((UInt32) -> Void)?
    }

    private static let serialPortsAt: [(name: String, port: UInt16, interrupt: Int)] = [("uart.com1", 0x3f8, 4), ("uart.com2", 0x2f8, 3)]

    /// Makes the devices and maps them onto `bus`.
    init(_ world: Surroundings, hardware: ACPIHardware, on bus: DeviceBus) throws(MachineError) {
        let ioapic = IOAPIC(sink: world.interrupts)
        self.ioapic = ioapic
        serialPorts = Self.serialPortsAt.enumerated().map { number, place in
            UART16550A(name: place.name, interrupt: ioapic.line(place.interrupt)) { world.serialOutput(number + 1, $0) }
        }
        clock = RealTimeClock(interrupt: ioapic.line(8), timers: world.timers, wallClock: world.wallClock)
        powerManagement = ACPIPowerManagement(
            interrupt: ioapic.line(Int(hardware.systemControlInterrupt)), timers: world.timers, powerOff: world.powerOff)
        resetPort = ResetPort(reset: world.reset)
        ataChannel = hardware.hasATAChannel ? ATAChannel(interrupt: ioapic.line(ATAChannel.interruptPin)) : nil

        var isMapped = bus.map(ioapic, memory: hardware.ioapicAddress, size: IOAPIC.size)
        for (device, place) in zip(serialPorts, Self.serialPortsAt) { isMapped = bus.map(device, ports: place.port, count: 8) && isMapped }
        isMapped = bus.map(clock, ports: 0x70, count: RealTimeClock.portCount) && isMapped
        isMapped = bus.map(powerManagement, ports: hardware.powerManagementPort, count: ACPIPowerManagement.portCount) && isMapped
        isMapped = bus.map(resetPort, ports: hardware.resetPort, count: 1) && isMapped
        if let ataChannel {
            isMapped = bus.map(ataChannel, ports: ATAChannel.port, count: ATAChannel.portCount) && isMapped
            isMapped = bus.map(ataChannel.controlBlock, ports: ATAChannel.controlPort, count: 1) && isMapped
        }
        if let exit = world.testExit {
            let ports = GuestTestPorts(print: { world.serialOutput(1, $0) }, exit: exit)
            isMapped = bus.map(ports.console, ports: GuestTestPorts.consolePort, count: 1) && isMapped
            isMapped = bus.map(ports.exit, ports: GuestTestPorts.exitPort, count: 1) && isMapped
        }
        bus.add(ioapic)
        guard isMapped else { throw MachineError(.assembly, detail: "two devices claim one port") }
    }

    var units: [any StatefulUnit] {
        let always = serialPorts + [ioapic, clock, powerManagement, resetPort] as [any StatefulUnit]
        return always + (ataChannel.map { [$0 as any StatefulUnit] } ?? [])
    }

    /// Hardware reset of all of them. Precondition: the machine lock is held or no VP runs.
    func reset() {
        for port in serialPorts { port.reset() }
        clock.reset()
        powerManagement.reset()
        resetPort.resetRegisters()
        ataChannel?.reset()
        ioapic.reset()
    }
}
