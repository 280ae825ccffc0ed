import Basics

/// The registers that all VPs of a partition share.
struct PartitionRegisters: Codable, Equatable, Sendable {
    /// MSR 0x40000000.
    var guestOSID: UInt64 = 0
    /// MSR 0x40000001: page number, enable.
    var hypercall: UInt64 = 0
    /// MSR 0x40000021: page number, enable.
    var referenceTSC: UInt64 = 0
    /// MSRs 0x40000100–0x40000104.
    var crashParameters: [UInt64] = [0, 0, 0, 0, 0]
}

/// The hypercall page: `endbr64; out imm8, al; ret`. RDX is an input, so the port is an immediate.
enum HypercallPage {
    /// Reserved for the hypervisor before any device can claim it.
    static let port: UInt16 = 0xe4
    /// The rest of the page is INT3.
    static let code: [UInt8] =
        [0xf3, 0x0f, 0x1e, 0xfa, 0xe6, UInt8(port), 0xc3] + [UInt8](repeating: 0xcc, count: OverlayPage.size - 7)
}

/// The reference TSC page (TLFS 12.6): reference time = (TSC × scale) >> 64 + offset.
///
/// The TSC counts partition nanoseconds, so scale is 2^64 / 100, rounded up: rounding down would miss every exact multiple, and the error
/// of rounding up stays below one unit for six years. The TSC stops while the partition is saved or paused, so neither scale nor offset
/// ever changes and the sequence stays 1.
enum ReferenceTSCPage {
    static let scale: UInt64 = 184_467_440_737_095_517
    static let offset: Int64 = 0
    static let sequence: UInt32 = 1
    static let content: [UInt8] =
        [UInt8](littleEndian: sequence) + [0, 0, 0, 0] + [UInt8](littleEndian: scale) + [UInt8](littleEndian: offset)
}
