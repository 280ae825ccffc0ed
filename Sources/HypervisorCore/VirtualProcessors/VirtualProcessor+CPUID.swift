import Processor

/// CPUID: the model's leaves with what only the VP knows, and the hypervisor's own (TLFS chapter 2).
extension VirtualProcessor {
    package func cpuid(leaf: UInt32, subleaf: UInt32) -> CPUIDResult {
        count(.cpuid)
        let showsHypervisor = machine.configuration.showsHypervisor
        if showsHypervisor, leaf & 0xf000_0000 == 0x4000_0000 { return hypervisorLeaf(leaf) }
        let topology = ProcessorTopology(apicID: apic.id, processorCount: UInt32(partition.processors.count))
        var result = machine.configuration.processorModel.cpuid(leaf: leaf, subleaf: subleaf, topology: topology)
        if leaf == 1 {
            if showsHypervisor { result.ecx |= 1 << 31 } else { result.ecx &= ~(1 << 31) }
            if !apic.isEnabled { result.edx &= ~(1 << 9) }
        }
        return result
    }

    private func hypervisorLeaf(_ leaf: UInt32) -> CPUIDResult {
        let privileges = partition.privileges.rawValue
        return switch leaf {
        // "Microsoft Hv"; the highest leaf is 6.
        case 0x4000_0000: CPUIDResult(eax: 0x4000_0006, ebx: 0x7263_694d, ecx: 0x666f_736f, edx: 0x7648_2074)
        // "Hv#1".
        case 0x4000_0001: CPUIDResult(eax: 0x3123_7648)
        // Build 20348 of version 10.0.
        case 0x4000_0002: CPUIDResult(eax: 20348, ebx: 10 << 16)
        // Privileges; guest idle, frequencies, crash MSRs, direct-mode timers.
        case 0x4000_0003:
            CPUIDResult(
                eax: UInt32(truncatingIfNeeded: privileges), ebx: UInt32(truncatingIfNeeded: privileges >> 32),
                edx: 1 << 5 | 1 << 8 | 1 << 10 | 1 << 19)
        // Remote TLB flush, APIC MSRs, relaxed timing, no AutoEOI, cluster IPI, the calls with processor sets; never notify of long spins.
        case 0x4000_0004: CPUIDResult(eax: 0x62c | 1 << 11, ebx: 0xffff_ffff)
        // 64 VPs per partition, logical processors of the host.
        case 0x4000_0005:
            CPUIDResult(eax: UInt32(Hypervisor.processorLimit), ebx: UInt32(clamping: partition.hypervisor.logicalProcessors))
        // APIC overlay assist, MSR bitmaps and the like: there is no hardware feature to tell of.
        default: CPUIDResult()
        }
    }
}
