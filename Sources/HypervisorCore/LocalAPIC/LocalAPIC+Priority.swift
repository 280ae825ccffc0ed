/// Accepting, ranking and ending interrupts (SDM vol. 3, 11.8).
extension LocalAPIC {
    /// Accepts a fixed interrupt; from any thread. The caller kicks the VP (`LocalAPICHost.interruptPosted`).
    package func accept(vector: UInt8, isLevel: Bool = false) {
        guard isEnabled else { return }
        guard vector >= 16 else {
            // ESR bit 6: illegal vector received.
            postError(1 << 6)
            return
        }
        guard isSoftwareEnabled else { return }
        let index = Int(vector >> 6)
        let bit: UInt64 = 1 << UInt64(vector & 63)
        if isLevel {
            words.or(Word.triggerMode + index, bit)
        } else {
            words.and(Word.triggerMode + index, ~bit)
        }
        words.or(Word.requested + index, bit)
        host.interruptPosted()
    }

    /// Accepts what is no fixed interrupt: NMI, INIT, start-up; from any thread.
    package func accept(request mode: InterruptCommand.Mode, vector: UInt8) {
        switch mode {
        case .nonMaskable: words.or(Word.requests, Request.nonMaskable)
        case .initialise: words.or(Word.requests, Request.initialise)
        case .startUp:
            // The vector first: the bit that announces it is set last.
            words.and(Word.requests, ~(0xff << Request.startUpVector))
            words.or(Word.requests, UInt64(vector) << Request.startUpVector | Request.startUp)
        case .fixed, .lowestPriority: accept(vector: vector)
        case .systemManagement, .external: return
        }
        host.interruptPosted()
    }

    /// The highest vector in one of the 256-bit registers; nil when it is empty.
    func highest(in register: Int) -> UInt8? {
        for index in stride(from: 3, through: 0, by: -1) {
            let word = words[register + index]
            if word != 0 { return UInt8(index * 64 + 63 - word.leadingZeroBitCount) }
        }
        return nil
    }

    /// Processor priority: the higher class of task priority and interrupt in service.
    var processorPriority: UInt8 {
        let task = taskPriority
        guard let serving = highest(in: Word.inService), serving >> 4 > task >> 4 else { return task }
        return serving & 0xf0
    }

    /// The vector to deliver next; nil: nothing outranks the processor's priority.
    package var deliverable: UInt8? {
        guard let vector = highest(in: Word.requested), isEnabled, vector >> 4 > processorPriority >> 4 else { return nil }
        return vector
    }

    /// True when any interrupt is requested, deliverable or not.
    var hasRequested: Bool { highest(in: Word.requested) != nil }

    /// Moves a vector from requested to in service; auto-EOI vectors (TLFS 11.8.4) skip that.
    package func acknowledge(_ vector: UInt8) {
        let index = Int(vector >> 6)
        let bit: UInt64 = 1 << UInt64(vector & 63)
        words.and(Word.requested + index, ~bit)
        if words[Word.autoEOI + index] & bit == 0 { words.or(Word.inService + index, bit) }
    }

    /// Tells which vectors end by themselves; the SynIC owns the list.
    func setAutoEOI(_ vectors: [UInt8]) {
        var mask: [UInt64] = [0, 0, 0, 0]
        for vector in vectors { mask[Int(vector >> 6)] |= 1 << UInt64(vector & 63) }
        for index in 0..<4 { words[Word.autoEOI + index] = mask[index] }
    }

    /// A write of the EOI register, by whatever way.
    package func endOfInterrupt() {
        guard let vector = highest(in: Word.inService) else { return }
        let index = Int(vector >> 6)
        let bit: UInt64 = 1 << UInt64(vector & 63)
        words.and(Word.inService + index, ~bit)
        host.interruptEnded(vector: vector, isLevel: words[Word.triggerMode + index] & bit != 0)
    }

    /// Records an error and raises the error interrupt unless it is masked.
    func postError(_ bits: UInt64) {
        guard words.or(Word.pendingErrors, bits) & bits != bits else { return }
        let entry = localVector(.error)
        // An illegal vector in the error entry itself would recurse.
        if entry & Self.masked == 0, entry & 0xff >= 16 { accept(vector: UInt8(entry & 0xff)) }
    }

    /// What the local interrupt pins do; LINT1 is where boards wire NMI.
    package func pulse(pin: Int) {
        let entry = localVector(pin == 0 ? .lint0 : .lint1)
        guard isEnabled, entry & Self.masked == 0, let mode = InterruptCommand.Mode(rawValue: UInt8(entry >> 8 & 7)) else { return }
        accept(request: mode, vector: UInt8(entry & 0xff))
    }

    // MARK: Destinations

    /// True when this APIC is one a command without shorthand names (SDM vol. 3, 11.6.2). Any thread.
    func isNamed(by command: InterruptCommand) -> Bool {
        guard isEnabled else { return false }
        if command.isBroadcast { return true }
        let destination = command.destination
        guard command.isLogical else { return destination == id }
        let logical = UInt32(truncatingIfNeeded: words[Word.logicalDestination])
        if isX2APIC { return destination >> 16 == logical >> 16 && destination & logical & 0xffff != 0 }
        guard destination <= 0xff else { return false }
        let own = logical >> 24
        return switch words[Word.destinationFormat] >> 28 & 0xf {
        case 0xf: destination & own != 0
        case 0: (destination >> 4 == own >> 4 || destination >> 4 == 0xf) && destination & own & 0xf != 0
        default: false
        }
    }
}
