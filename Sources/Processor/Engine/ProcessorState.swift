/// The architectural state of one virtual processor as a plain value: what is saved, shown and compared.
///
/// Flags are materialised; no cache and no host address is in it. Fields are only ever added, as Optionals.
package struct ProcessorState: Codable, Equatable, Sendable {
    package struct Segment: Codable, Equatable, Sendable {
        package var selector: UInt16 = 0
        /// Descriptor bytes 5 and 6: bits 0-3 type, 4 S, 5-6 DPL, 7 P, 12 AVL, 13 L, 14 D/B, 15 G. 0: unusable.
        package var attributes: UInt16 = 0
        /// Effective limit in bytes.
        package var limit: UInt32 = 0
        package var base: UInt64 = 0
        package init(selector: UInt16 = 0, attributes: UInt16 = 0, limit: UInt32 = 0, base: UInt64 = 0) {
            (self.selector, self.attributes, self.limit, self.base) = (selector, attributes, limit, base)
        }
    }
    package struct Table: Codable, Equatable, Sendable {
        package var base: UInt64 = 0
        package var limit: UInt16 = 0xffff
        package init(base: UInt64 = 0, limit: UInt16 = 0xffff) { (self.base, self.limit) = (base, limit) }
    }
    /// RAX RCX RDX RBX RSP RBP RSI RDI R8 … R15.
    package var general: [UInt64] = Array(repeating: 0, count: 16)
    package var rip: UInt64 = 0
    package var rflags: UInt64 = 2
    /// ES CS SS DS FS GS LDTR TR.
    package var segments: [Segment] = Array(repeating: Segment(), count: 8)
    package var gdtr = Table(), idtr = Table()
    package var cr0: UInt64 = 0x6000_0010, cr2: UInt64 = 0, cr3: UInt64 = 0, cr4: UInt64 = 0
    /// DR0 DR1 DR2 DR3 DR6 DR7.
    package var debug: [UInt64] = [0, 0, 0, 0, 0xffff_0ff0, 0x400]
    package var efer: UInt64 = 0, star: UInt64 = 0, lstar: UInt64 = 0, cstar: UInt64 = 0, sfmask: UInt64 = 0
    package var kernelGSBase: UInt64 = 0, tscAux: UInt64 = 0
    package var sysenterCS: UInt64 = 0, sysenterESP: UInt64 = 0, sysenterEIP: UInt64 = 0
    package var pat: UInt64 = 0x0007_0406_0007_0406
    /// XMM0 low, XMM0 high, XMM1 low, …
    package var vector: [UInt64] = Array(repeating: 0, count: 32)
    package var mxcsr: UInt32 = 0x1f80
    package var fcw: UInt16 = 0x40, fsw: UInt16 = 0, ftw: UInt16 = 0x5555, fop: UInt16 = 0
    package var fip: UInt64 = 0, fdp: UInt64 = 0, fcs: UInt16 = 0, fds: UInt16 = 0
    /// Physical x87 registers R0 … R7: significand, then sign and exponent.
    package var x87: [UInt64] = Array(repeating: 0, count: 16)
    package var interruptShadow = false, nmiBlocked = false, halted = false
    package var instructionsRetired: UInt64 = 0
    package init() {}
}
