import Processor

/// What the engine cannot do itself. Called on the VP's thread in the middle of an instruction.
extension VirtualProcessor: InterceptHandler {
    package func readPort(_ port: UInt16, size: Int) -> InterceptResult<UInt32> {
        count(.ioPort)
        let value = machine.configuration.devices.readPort(port, size: size)
        reevaluate()
        return .value(value ?? (size == 4 ? 0xffff_ffff : (1 << UInt32(size * 8)) - 1))
    }

    package func writePort(_ port: UInt16, size: Int, value: UInt32) -> InterceptResult<Void> {
        if port == HypercallPage.port {
            // Reserved: no device ever sees it, and from elsewhere than the hypercall page it is an unclaimed port.
            guard isAtHypercallPage else {
                count(.ioPort)
                return .done
            }
            count(.hypercall)
            return hypercall()
        }
        count(.ioPort)
        _ = machine.configuration.devices.writePort(port, size: size, value: value)
        reevaluate()
        return .done
    }

    package func readMemory(_ address: UInt64, size: Int) -> InterceptResult<UInt64> {
        if isAPICPage(address) {
            count(.apic)
            return .value(apic.readPage(address & 0xfff, size: size))
        }
        count(.memory)
        let value = machine.configuration.devices.readMemory(address, size: size)
        reevaluate()
        return .value(value ?? (size == 8 ? .max : (1 << UInt64(size * 8)) - 1))
    }

    package func writeMemory(_ address: UInt64, size: Int, value: UInt64) -> InterceptResult<Void> {
        if isAPICPage(address) {
            count(.apic)
            apic.writePage(address & 0xfff, size: size, value: value)
            reevaluate()
            return .done
        }
        count(.memory)
        // The hypercall page and the reference TSC page are read-only (TLFS 3.13).
        if let overlay = machine.gpaSpace.overlay(at: address), !overlay.isGuestWritable { return .generalProtection }
        _ = machine.configuration.devices.writeMemory(address, size: size, value: value)
        reevaluate()
        return .done
    }

    private func isAPICPage(_ address: UInt64) -> Bool {
        address & ~0xfff == LocalAPIC.baseAddress && apic.isEnabled && !apic.isX2APIC
    }

    package func readTimestampCounter() -> UInt64 { clock.nanoseconds &+ registers.timestampOffset }

    package func readTaskPriority() -> UInt8 { apic.taskPriority >> 4 }

    package func writeTaskPriority(_ value: UInt8) {
        apic.words[LocalAPIC.Word.taskPriority] = UInt64(value & 15) << 4
        reevaluate()
    }

    package func note(_ event: EngineNote) { partition.report(.note(event, processor: index)) }
}
