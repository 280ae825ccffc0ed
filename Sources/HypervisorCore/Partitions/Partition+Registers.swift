import DeviceModel

/// The partition-wide synthetic MSRs. nil and false: #GP.
extension Partition {
    var guestOSID: UInt64 { guarded.withLock { $0.registers.guestOSID } }

    /// Address of the hypercall page; nil while it is disabled.
    var hypercallPageAddress: UInt64? {
        let register = guarded.withLock { $0.registers.hypercall }
        return register & 1 != 0 ? register & ~0xfff : nil
    }

    func readSharedMSR(_ index: UInt32) -> UInt64? {
        let registers = guarded.withLock { $0.registers }
        return switch index {
        case SyntheticMSR.guestOSID: registers.guestOSID
        case SyntheticMSR.hypercall: registers.hypercall
        case SyntheticMSR.referenceTSC: registers.referenceTSC
        case SyntheticMSR.crashParameter0...SyntheticMSR.crashParameter4:
            registers.crashParameters[Int(index - SyntheticMSR.crashParameter0)]
        case SyntheticMSR.crashControl: CrashControl.notify | CrashControl.hasText
        default: nil
        }
    }

    func writeSharedMSR(_ index: UInt32, _ value: UInt64, processor: Int) -> Bool {
        guard let machine else { return false }
        switch index {
        case SyntheticMSR.guestOSID:
            guarded.withLock { guarded in
                guarded.registers.guestOSID = value
                if value == 0 { guarded.registers.hypercall &= ~1 }
            }
            placeSharedOverlays()
            if value != 0 { report(.guestIdentified(value)) }
        case SyntheticMSR.hypercall:
            // Beyond the bounds of the GPA space is #GP (TLFS 3.13).
            guard value & 1 == 0 || machine.gpaSpace.contains(page: value & ~0xfff) else { return false }
            guarded.withLock { guarded in
                let isEnabled = value & 1 != 0 && guarded.registers.guestOSID != 0
                guarded.registers.hypercall = value & ~1 | (isEnabled ? 1 : 0)
            }
            placeSharedOverlays()
        case SyntheticMSR.referenceTSC:
            guarded.withLock { $0.registers.referenceTSC = value }
            placeSharedOverlays()
        case SyntheticMSR.crashParameter0...SyntheticMSR.crashParameter4:
            guarded.withLock { $0.registers.crashParameters[Int(index - SyntheticMSR.crashParameter0)] = value }
        case SyntheticMSR.crashControl:
            if value & CrashControl.notify != 0 { reportCrash(hasText: value & CrashControl.hasText != 0, processor: processor) }
        default: return false
        }
        return true
    }

    /// Puts the partition's own overlays where the registers say. Two VPs may write the registers at once, and no lock is held while a
    /// page moves; the loop ends with pages and registers in agreement.
    func placeSharedOverlays() {
        guard let machine else { return }
        while true {
            let registers = guarded.withLock { $0.registers }
            let hypercall = registers.hypercall
            let tsc = registers.referenceTSC
            place(machine.hypercallPage, at: hypercall & 1 != 0 ? hypercall & ~0xfff : nil)
            place(machine.referenceTSCPage, at: tsc & 1 != 0 ? tsc & ~0xfff : nil)
            let now = guarded.withLock { $0.registers }
            if now.hypercall == hypercall, now.referenceTSC == tsc { return }
        }
    }

    /// With text, P3 and P4 are its address and length; a length above 4096 or memory that is not there leaves the text out.
    private func reportCrash(hasText: Bool, processor: Int) {
        let parameters = guarded.withLock { $0.registers.crashParameters }
        var text: String?
        if hasText, parameters[4] <= CrashControl.textLimit, let memory = machine?.configuration.memory,
            let bytes = memory.read(parameters[3], count: Int(parameters[4]))
        {
            text = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        report(.guestCrashed(CrashReport(parameters: parameters, text: text, processor: processor)))
    }
}

/// HV_CRASH_CTL_REG_CONTENTS.
enum CrashControl {
    static let hasText: UInt64 = 1 << 62, notify: UInt64 = 1 << 63
    static let textLimit: UInt64 = 4096
}
