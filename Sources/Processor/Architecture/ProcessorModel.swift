/// What CPUID says about a processor: a named table, kept with the VM and in saved state (machine.md, "The processor a guest sees").
///
/// A feature bit is set exactly when all of it works. Leaves from 0x40000000 belong to the hypervisor and are not in a model.
package struct ProcessorModel: Codable, Equatable, Sendable {
    package struct Leaf: Codable, Equatable, Sendable {
        package var number: UInt32
        package var eax: UInt32, ebx: UInt32, ecx: UInt32, edx: UInt32

        package init(_ number: UInt32, eax: UInt32 = 0, ebx: UInt32 = 0, ecx: UInt32 = 0, edx: UInt32 = 0) {
            (self.number, self.eax, self.ebx, self.ecx, self.edx) = (number, eax, ebx, ecx, edx)
        }
    }

    package var name: String
    /// In ascending order; every leaf that is missing reads as zero, as the AMD manual says of undefined ones.
    package var leaves: [Leaf]

    package init(name: String, leaves: [Leaf]) { (self.name, self.leaves) = (name, leaves) }

    /// CPUID of one virtual processor: the table with topology and APIC ids filled in.
    package func cpuid(leaf: UInt32, subleaf: UInt32, topology: ProcessorTopology) -> CPUIDResult {
        var result = CPUIDResult()
        if let row = leaves.first(where: { $0.number == leaf }) {
            result = CPUIDResult(eax: row.eax, ebx: row.ebx, ecx: row.ecx, edx: row.edx)
        }
        switch leaf {
        case 1:
            result.ebx |= (topology.apicID & 0xff) << 24 | min(topology.processorCount, 255) << 16
            if topology.processorCount > 1 { result.edx |= CPUIDFeature.hyperThreading }
        case 0xb:
            // Subleaf 0 is the thread (one per core), 1 the core; the type field of all others is zero.
            result.ecx = subleaf & 0xff
            result.edx = topology.apicID
            if subleaf == 0 {
                (result.eax, result.ebx) = (0, 1)
                result.ecx |= 1 << 8
            } else if subleaf == 1 {
                (result.eax, result.ebx) = (topology.coreIDWidth, topology.processorCount)
                result.ecx |= 2 << 8
            }
        case 0x8000_0001:
            if topology.processorCount > 1 { result.ecx |= CPUIDFeature.legacyMultiCore }
        case 0x8000_0008:
            result.ecx = topology.coreIDWidth << 12 | min(topology.processorCount - 1, 255)
        default: break
        }
        return result
    }
}

/// Where one virtual processor stands: all VPs of a VM are the single-threaded cores of one package.
package struct ProcessorTopology: Equatable, Sendable {
    package var apicID: UInt32
    /// VPs of the VM, at least 1.
    package var processorCount: UInt32

    package init(apicID: UInt32, processorCount: UInt32) { (self.apicID, self.processorCount) = (apicID, max(processorCount, 1)) }

    /// Bits of the APIC id that number the core.
    package var coreIDWidth: UInt32 { UInt32(UInt32.bitWidth - (processorCount - 1).leadingZeroBitCount) }
}

/// Feature bits that are computed, or that tests and the engine ask for.
package enum CPUIDFeature {
    /// Leaf 1 EDX bit 28.
    package static let hyperThreading: UInt32 = 1 << 28
    /// Leaf 0x80000001 ECX bit 1.
    package static let legacyMultiCore: UInt32 = 1 << 1
}
