import Processor

/// RDMSR and WRMSR of what the engine does not keep. An MSR that does not exist, or that the partition has no privilege for, is #GP.
extension VirtualProcessor {
    private static let timestampCounter: UInt32 = 0x10, apicBase: UInt32 = 0x1b
    private static let x2APIC: ClosedRange<UInt32> = 0x800...0x83f

    package func readMSR(_ index: UInt32) -> InterceptResult<UInt64> {
        count(.msr)
        let value: UInt64? =
            switch index {
            case Self.timestampCounter: readTimestampCounter()
            case Self.apicBase: apic.words[LocalAPIC.Word.base]
            case Self.x2APIC: apic.readMSR(index)
            case SyntheticMSR.range: readSyntheticMSR(index)
            default: registers.plain.read(index)
            }
        return value.map { .value($0) } ?? .generalProtection
    }

    package func writeMSR(_ index: UInt32, _ value: UInt64) -> InterceptResult<Void> {
        count(.msr)
        var isDone = true
        switch index {
        case Self.timestampCounter: registers.timestampOffset = value &- clock.nanoseconds
        case Self.apicBase: isDone = apic.writeBase(value)
        case Self.x2APIC: isDone = apic.writeMSR(index, value)
        case SyntheticMSR.range: isDone = writeSyntheticMSR(index, value)
        default: return registers.plain.write(index, value) ? .done : .generalProtection
        }
        reevaluate()
        return isDone ? .done : .generalProtection
    }

    private func readSyntheticMSR(_ index: UInt32) -> UInt64? {
        guard machine.configuration.showsHypervisor, let privilege = SyntheticMSR.privilege(index),
            partition.privileges.contains(privilege)
        else { return nil }
        switch index {
        case SyntheticMSR.vpIndex: return UInt64(self.index)
        case SyntheticMSR.reset: return 0
        case SyntheticMSR.vpRunTime: return (runTime &+ clock.nanoseconds &- (sliceStart ?? clock.nanoseconds)) / 100
        case SyntheticMSR.referenceCounter: return referenceTime
        case SyntheticMSR.tscFrequency: return 1_000_000_000
        case SyntheticMSR.apicFrequency: return LocalAPIC.timerFrequency
        case SyntheticMSR.interruptCommand: return apic.words[LocalAPIC.Word.command]
        case SyntheticMSR.taskPriority: return UInt64(apic.taskPriority)
        case SyntheticMSR.vpAssistPage: return registers.assistPage
        case SyntheticMSR.synicControl...SyntheticMSR.endOfMessage, SyntheticMSR.source0...SyntheticMSR.source15:
            return synic.readMSR(index)
        case SyntheticMSR.timer0Config...SyntheticMSR.timer3Count: return timers.readMSR(index)
        case SyntheticMSR.guestIdle:
            // The read completes, then the VP sleeps until an interrupt is pending, or for a while.
            beginGuestIdle()
            engine.requestExit()
            return 0
        default: return partition.readSharedMSR(index)
        }
    }

    private func writeSyntheticMSR(_ index: UInt32, _ value: UInt64) -> Bool {
        guard machine.configuration.showsHypervisor, let privilege = SyntheticMSR.privilege(index),
            partition.privileges.contains(privilege)
        else { return false }
        switch index {
        case SyntheticMSR.reset:
            guard value <= 1 else { return false }
            if value == 1 { endSlice(.resetRequested) }
        case SyntheticMSR.endOfInterrupt:
            guard value <= 0xffff_ffff else { return false }
            apic.endOfInterrupt()
        case SyntheticMSR.interruptCommand: apic.writeCombinedCommand(value)
        case SyntheticMSR.taskPriority:
            guard value <= 0xff else { return false }
            apic.words[LocalAPIC.Word.taskPriority] = value
        case SyntheticMSR.vpAssistPage:
            registers.assistPage = value
            partition.place(assistPage, at: value & 1 != 0 ? value & ~0xfff : nil)
        case SyntheticMSR.synicControl...SyntheticMSR.endOfMessage, SyntheticMSR.source0...SyntheticMSR.source15:
            return synic.writeMSR(index, value)
        case SyntheticMSR.timer0Config...SyntheticMSR.timer3Count: return timers.writeMSR(index, value)
        case SyntheticMSR.vpIndex, SyntheticMSR.vpRunTime, SyntheticMSR.referenceCounter, SyntheticMSR.tscFrequency,
            SyntheticMSR.apicFrequency, SyntheticMSR.guestIdle:
            return false
        default: return partition.writeSharedMSR(index, value, processor: self.index)
        }
        return true
    }
}
