/// The register file by number (offset >> 4 in the page, MSR − 0x800 in x2APIC mode; SDM vol. 3, tables 11-1 and 11-6).
extension LocalAPIC {
    enum Register {
        static let id = 0x02, version = 0x03, taskPriority = 0x08, arbitrationPriority = 0x09, processorPriority = 0x0a
        static let endOfInterrupt = 0x0b, remoteRead = 0x0c, logicalDestination = 0x0d, destinationFormat = 0x0e, spurious = 0x0f
        static let inService = 0x10, triggerMode = 0x18, requested = 0x20, errors = 0x28
        static let command = 0x30, commandHigh = 0x31, localVectors = 0x32, initialCount = 0x38, currentCount = 0x39
        static let divide = 0x3e, selfInterrupt = 0x3f
    }
    /// Integrated APIC with six local vectors, no EOI suppression.
    static let version: UInt64 = 0x5_0014

    // MARK: The page

    /// A load from the register page; anything but a dword at a multiple of 16 reads the bytes of that dword.
    func readPage(_ offset: UInt64, size: Int) -> UInt64 {
        let register = Int(offset >> 4 & 0xff)
        guard offset & 0xf < 4 else { return 0 }
        guard let value = readRegister(register, isWide: false) else {
            postError(1 << 7)
            return 0
        }
        return value >> (8 * (offset & 3)) & (size >= 4 ? 0xffff_ffff : (1 << UInt64(size * 8)) - 1)
    }

    /// A store to the register page; only aligned dwords are registers, other stores vanish (SDM vol. 3, 11.4.1: undefined).
    func writePage(_ offset: UInt64, size: Int, value: UInt64) {
        guard offset & 0xf == 0, size == 4 || size == 8 else { return }
        let register = Int(offset >> 4 & 0xff)
        if !writeRegister(register, value & 0xffff_ffff, isWide: false) { postError(1 << 7) }
    }

    // MARK: MSRs 0x800–0x83F

    /// nil: #GP.
    func readMSR(_ index: UInt32) -> UInt64? {
        guard isX2APIC else { return nil }
        let register = Int(index & 0x3f)
        switch register {
        case Register.command: return words[Word.command]
        case Register.commandHigh, Register.destinationFormat, Register.arbitrationPriority, Register.remoteRead,
            Register.endOfInterrupt, Register.selfInterrupt:
            return nil
        default: return readRegister(register, isWide: true)
        }
    }

    /// false: #GP.
    func writeMSR(_ index: UInt32, _ value: UInt64) -> Bool {
        guard isX2APIC else { return false }
        let register = Int(index & 0x3f)
        switch register {
        case Register.command:
            guard value & 0xfff3_2000 == 0 else { return false }
            words[Word.command] = value & ~(1 << 12)
            issue(value, isWide: true)
            return true
        case Register.selfInterrupt:
            guard value <= 0xff else { return false }
            accept(vector: UInt8(value))
            return true
        case Register.endOfInterrupt, Register.errors: guard value == 0 else { return false }
        case Register.commandHigh, Register.destinationFormat, Register.logicalDestination, Register.id: return false
        case Register.taskPriority: guard value <= 0xff else { return false }
        case Register.localVectors..<Register.localVectors + 6:
            guard let vector = LocalVector(rawValue: register - Register.localVectors), value & ~(vector.writable | 1 << 12) == 0
            else { return false }
        default: guard value <= 0xffff_ffff else { return false }
        }
        return writeRegister(register, value, isWide: true)
    }

    // MARK: Both

    /// nil: no such register.
    private func readRegister(_ register: Int, isWide: Bool) -> UInt64? {
        switch register {
        case Register.id: isWide ? UInt64(id) : UInt64(id & 0xff) << 24
        case Register.version: Self.version
        case Register.taskPriority: words[Word.taskPriority]
        case Register.arbitrationPriority, Register.processorPriority: UInt64(processorPriority)
        case Register.endOfInterrupt, Register.remoteRead: 0
        case Register.logicalDestination: words[Word.logicalDestination]
        case Register.destinationFormat: words[Word.destinationFormat]
        case Register.spurious: words[Word.spurious]
        case Register.inService..<Register.inService + 8: half(Word.inService, register - Register.inService)
        case Register.triggerMode..<Register.triggerMode + 8: half(Word.triggerMode, register - Register.triggerMode)
        case Register.requested..<Register.requested + 8: half(Word.requested, register - Register.requested)
        case Register.errors: words[Word.errors]
        case Register.command: words[Word.command] & 0xffff_ffff
        case Register.commandHigh: words[Word.command] >> 32
        case Register.localVectors..<Register.localVectors + 6: words[Word.localVectors + register - Register.localVectors]
        case Register.initialCount: UInt64(timer.withLock { $0.initialCount })
        case Register.currentCount: UInt64(currentCount)
        case Register.divide: words[Word.divide]
        default: nil
        }
    }

    private func half(_ register: Int, _ index: Int) -> UInt64 { words[register + index / 2] >> (index & 1 == 0 ? 0 : 32) & 0xffff_ffff }

    /// false: no such register, or a read-only one.
    private func writeRegister(_ register: Int, _ value: UInt64, isWide: Bool) -> Bool {
        switch register {
        case Register.id: break
        case Register.taskPriority: words[Word.taskPriority] = value & 0xff
        case Register.endOfInterrupt: endOfInterrupt()
        case Register.logicalDestination: words[Word.logicalDestination] = value & 0xff00_0000
        case Register.destinationFormat: words[Word.destinationFormat] = value | 0x0fff_ffff
        case Register.spurious:
            words[Word.spurious] = value & 0x3ff
            if value & 1 << 8 == 0 {
                for vector in LocalVector.allCases { words.or(Word.localVectors + vector.rawValue, Self.masked) }
            }
        case Register.errors: words[Word.errors] = words.exchange(Word.pendingErrors, 0)
        case Register.command:
            words[Word.command] = words[Word.command] & ~0xffff_ffff | value & 0xc_cfff
            issue(words[Word.command], isWide: false)
        case Register.commandHigh: words[Word.command] = words[Word.command] & 0xffff_ffff | (value & 0xff00_0000) << 32
        case Register.localVectors..<Register.localVectors + 6:
            guard let vector = LocalVector(rawValue: register - Register.localVectors) else { return false }
            words[Word.localVectors + vector.rawValue] = value & vector.writable | (isSoftwareEnabled ? 0 : Self.masked)
        case Register.initialCount: setInitialCount(UInt32(truncatingIfNeeded: value))
        case Register.divide: setDivide(value & 0xb)
        case Register.version, Register.arbitrationPriority, Register.processorPriority, Register.remoteRead, Register.currentCount,
            Register.inService..<Register.errors:
            return false
        default: return false
        }
        return true
    }

    /// The ICR MSR of the hypervisor (0x40000071): both halves in the xAPIC layout.
    func writeCombinedCommand(_ value: UInt64) {
        words[Word.command] = value & 0xff00_0000_000c_cfff
        issue(words[Word.command], isWide: false)
    }

    /// Sends what the command register says.
    private func issue(_ value: UInt64, isWide: Bool) {
        guard let command = InterruptCommand(register: value, isWide: isWide) else { return }
        switch command.mode {
        case .fixed, .lowestPriority:
            guard command.vector >= 16 else {
                // ESR bit 5: illegal vector sent.
                postError(1 << 5)
                return
            }
        case .initialise: guard command.isAssert || !command.isLevel else { return }
        case .systemManagement, .external: return
        case .nonMaskable, .startUp: break
        }
        host.send(command, from: self)
    }
}
