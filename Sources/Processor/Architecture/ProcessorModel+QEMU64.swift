extension ProcessorModel {
    /// The first model: AuthenticAMD family 15 model 107 stepping 1, as QEMU's `qemu64` without what is not there (machine check, MTRR,
    /// SSE3, SVM) and with RDTSCP, POPCNT, x2APIC, hypervisor bit, ARAT and invariant TSC.
    package static let qemu64 = ProcessorModel(
        name: "qemu64",
        leaves: [
            Leaf(0, eax: 0xb, ebx: vendor.ebx, ecx: vendor.ecx, edx: vendor.edx),
            // EBX bits 15-8: CLFLUSH lines of 8 quadwords.
            Leaf(1, eax: signature, ebx: 8 << 8, ecx: leaf1ECX, edx: leaf1EDX),
            // Bit 2, ARAT: the APIC timer never stops.
            Leaf(6, eax: 1 << 2),
            Leaf(0xb),
            Leaf(0x8000_0000, eax: 0x8000_0008, ebx: vendor.ebx, ecx: vendor.ecx, edx: vendor.edx),
            Leaf(0x8000_0001, eax: signature, ecx: extendedECX, edx: extendedEDX),
            brand(0x8000_0002, "Lunavisor virtua"),
            brand(0x8000_0003, "l processor qemu"),
            brand(0x8000_0004, "64"),
            // L1: 64 KiB each, 64-byte lines, 2-way; L2: 512 KiB, 16-way; TLBs as qemu64 tells them.
            Leaf(0x8000_0005, eax: 0x01ff_01ff, ebx: 0x01ff_01ff, ecx: 0x4002_0140, edx: 0x4002_0140),
            Leaf(0x8000_0006, ebx: 0x4200_4200, ecx: 0x0200_8140),
            // Bit 8: invariant TSC.
            Leaf(0x8000_0007, edx: 1 << 8),
            Leaf(0x8000_0008, eax: UInt32(AddressWidth.linear) << 8 | UInt32(AddressWidth.physical)),
        ])

    /// "AuthenticAMD" in EBX, EDX, ECX.
    private static let vendor: (ebx: UInt32, ecx: UInt32, edx: UInt32) = (0x6874_7541, 0x444d_4163, 0x6974_6e65)
    /// Extended model 6, family 15, model 11, stepping 1.
    private static let signature: UInt32 = 0x0006_0fb1

    /// CX16, x2APIC, POPCNT, hypervisor.
    private static let leaf1ECX = bits(13, 21, 23, 31)
    /// FPU DE PSE TSC MSR PAE CX8 APIC SEP PGE CMOV PAT PSE36 CLFSH MMX FXSR SSE SSE2.
    private static let leaf1EDX = bits(0, 2, 3, 4, 5, 6, 8, 9, 11, 13, 15, 16, 17, 19, 23, 24, 25, 26)
    /// LAHF and SAHF in 64-bit mode.
    private static let extendedECX = bits(0)
    /// The bits AMD repeats from leaf 1 (FPU DE PSE TSC MSR PAE CX8 APIC PGE CMOV PAT PSE36 MMX FXSR), SYSCALL, NX, RDTSCP, LM.
    private static let extendedEDX = bits(0, 2, 3, 4, 5, 6, 8, 9, 11, 13, 15, 16, 17, 20, 23, 24, 27, 29)

    private static func bits(_ numbers: UInt32...) -> UInt32 { numbers.reduce(0) { $0 | 1 << $1 } }

    /// Sixteen characters of the brand string, padded with zeros.
    private static func brand(_ number: UInt32, _ text: String) -> Leaf {
        var words: [UInt32] = [0, 0, 0, 0]
        for (index, byte) in text.utf8.prefix(16).enumerated() { words[index / 4] |= UInt32(byte) << UInt32(index % 4 * 8) }
        return Leaf(number, eax: words[0], ebx: words[1], ecx: words[2], edx: words[3])
    }
}
