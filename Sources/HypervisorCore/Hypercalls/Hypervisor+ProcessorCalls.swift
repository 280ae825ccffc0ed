import Processor

#if canImport(Glibc)
    import Glibc
#endif

/// Calls on the caller's own VPs: enlightened TLB flush, IPI, long spins (TLFS 9.5, 10.3, 11.4).
extension Hypervisor {
    private enum FlushFlags {
        static let allProcessors: UInt64 = 1, allAddressSpaces: UInt64 = 2, nonGlobalOnly: UInt64 = 4
        /// The extended range format (8) is not offered.
        static let known: UInt64 = 7
    }
    /// Up to so many pages are flushed one by one on the caller's own VP; others are flushed whole, since each waits for an answer.
    private static let singlePageLimit = 32

    /// HvCallFlushVirtualAddressSpace, …List and their Ex forms. Address space and "non-global only" narrow a flush; flushing more is allowed.
    /// Returns after every target has acknowledged or is not running guest code.
    func flush(_ code: HypercallCode, _ call: CheckedCall) -> HypercallReply {
        let flags: UInt64 = call.word(8)
        guard flags & ~FlushFlags.known == 0 else { return HypercallReply(.invalidParameter) }
        let isEx = code == .flushVirtualAddressSpaceEx || code == .flushVirtualAddressListEx
        let targets: [VirtualProcessor]
        if flags & FlushFlags.allProcessors != 0 {
            targets = call.caller.processors
        } else if isEx {
            guard let set = processorSet(call, at: 16) else { return HypercallReply(.invalidParameter) }
            targets = set
        } else {
            targets = processors(call.caller, mask: call.word(16))
        }
        let pages = flushedPages(code, call)
        for target in targets {
            if let pages, target === call.processor || pages.count == 1 {
                for page in pages { target.engine.flushTranslations(of: page) }
            } else {
                target.engine.flushTranslations(of: nil)
            }
        }
        return HypercallReply(.success, repsCompleted: call.control.repCount)
    }

    /// The pages of a list call, if they are few; nil: flush everything. An entry is a page and, in its low twelve bits, how many follow.
    private func flushedPages(_ code: HypercallCode, _ call: CheckedCall) -> [UInt64]? {
        guard code == .flushVirtualAddressList || code == .flushVirtualAddressListEx else { return nil }
        let first = call.shape.header + call.control.variableHeader * 8
        var pages: [UInt64] = []
        for rep in call.control.repStart..<call.control.repCount {
            let entry: UInt64 = call.word(first + rep * 8)
            let more = Int(entry & 0xfff)
            guard pages.count + more + 1 <= Self.singlePageLimit else { return nil }
            for page in 0...more { pages.append((entry & ~0xfff) &+ UInt64(page) << 12) }
        }
        return pages
    }

    /// HvCallSendSyntheticClusterIpi and its Ex form: a fixed interrupt to a set of VPs. VPs that do not exist are passed over.
    func sendClusterIPI(_ code: HypercallCode, _ call: CheckedCall) -> HypercallReply {
        let vector: UInt32 = call.word(0)
        // Virtual trust levels do not exist here, so the target level is 0.
        guard (16...255).contains(vector), call.word(4, as: UInt32.self) == 0 else { return HypercallReply(.invalidParameter) }
        let targets: [VirtualProcessor]
        if code == .sendSyntheticClusterIPIEx {
            guard let set = processorSet(call, at: 8) else { return HypercallReply(.invalidParameter) }
            targets = set
        } else {
            targets = processors(call.caller, mask: call.word(8))
        }
        for target in targets { target.apic.accept(vector: UInt8(vector)) }
        return HypercallReply(.success)
    }

    /// HvCallNotifyLongSpinWait: the holder of the lock may need this host processor.
    func notifyLongSpinWait(_ call: CheckedCall) -> HypercallReply {
        sched_yield()
        return HypercallReply(.success)
    }

    private func processors(_ partition: Partition, mask: UInt64) -> [VirtualProcessor] {
        partition.processors.filter { $0.index < 64 && mask & 1 << UInt64($0.index) != 0 }
    }

    /// HV_VP_SET: all VPs (format 1), or banks of 64 named by a mask (format 0). nil: malformed.
    private func processorSet(_ call: CheckedCall, at offset: Int) -> [VirtualProcessor]? {
        switch call.word(offset, as: UInt64.self) {
        case 1: return call.caller.processors
        case 0:
            let valid: UInt64 = call.word(offset + 8)
            guard valid.nonzeroBitCount <= call.control.variableHeader else { return nil }
            // Sixty-four VPs fit the first bank, whose content comes first when it is there.
            return valid & 1 == 0 ? [] : processors(call.caller, mask: call.word(offset + 16))
        default: return nil
        }
    }
}
