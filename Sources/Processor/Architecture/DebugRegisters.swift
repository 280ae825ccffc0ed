/// Bits of DR6 (AMD APM vol. 2, 13.1.1.3).
package enum DR6 {
    /// B0 … B3: the breakpoint met.
    package static let breakpoints: UInt64 = 0xf
    package static let registerAccess: UInt64 = 1 << 13
    package static let singleStep: UInt64 = 1 << 14
    package static let taskSwitch: UInt64 = 1 << 15
    /// Bits that always read as one; also the value after reset.
    package static let fixed: UInt64 = 0xffff_0ff0
    /// Bits software can set.
    package static let writable: UInt64 = breakpoints | registerAccess | singleStep | taskSwitch
}

/// Bits of DR7 (APM vol. 2, 13.1.1.4).
package enum DR7 {
    /// L0 G0 … L3 G3.
    package static let enables: UInt64 = 0xff
    package static let generalDetect: UInt64 = 1 << 13
    /// Always one; also the value after reset.
    package static let fixed: UInt64 = 0x400
    /// Bits software can set: enables, LE, GE, GD, and the four R/W and LEN fields.
    package static let writable: UInt64 = 0xffff_23ff

    /// What a breakpoint watches, R/Wn.
    package enum Access: UInt64 {
        case execute = 0
        case write = 1
        /// Needs CR4.DE.
        case port = 2
        case readOrWrite = 3
    }

    /// True when breakpoint `index` is enabled locally or globally.
    @inline(__always)
    package static func isEnabled(_ dr7: UInt64, _ index: Int) -> Bool { dr7 >> UInt64(index * 2) & 3 != 0 }

    /// R/Wn of breakpoint `index`.
    @inline(__always)
    package static func access(_ dr7: UInt64, _ index: Int) -> Access { Access(rawValue: dr7 >> UInt64(16 + index * 4) & 3) ?? .execute }

    /// Bytes that breakpoint `index` watches: 1, 2, 8 or 4 for LEN 0 to 3.
    @inline(__always)
    package static func length(_ dr7: UInt64, _ index: Int) -> UInt64 {
        switch dr7 >> UInt64(18 + index * 4) & 3 {
        case 0: 1
        case 1: 2
        case 2: 8
        default: 4
        }
    }
}
