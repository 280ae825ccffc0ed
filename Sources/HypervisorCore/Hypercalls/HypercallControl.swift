/// The hypercall input value (TLFS 3.7).
///
///     63    60 59      48 47   44 43      32 31   27 26         17  16   15        0
///     │ zero  │ rep start │ zero │ rep count │ zero │ header qwords │ fast │ call code │
package struct HypercallControl: Equatable, Sendable {
    package var rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    package init(_ code: HypercallCode, isFast: Bool = false, variableHeader: Int = 0, repCount: Int = 0, repStart: Int = 0) {
        rawValue =
            UInt64(code.rawValue) | (isFast ? 1 << 16 : 0) | UInt64(variableHeader & 0x3ff) << 17
            | UInt64(repCount & 0xfff) << 32 | UInt64(repStart & 0xfff) << 48
    }

    package var code: UInt16 { UInt16(truncatingIfNeeded: rawValue) }
    package var isFast: Bool { rawValue & 1 << 16 != 0 }
    /// In quadwords.
    package var variableHeader: Int { Int(rawValue >> 17 & 0x3ff) }
    package var repCount: Int { Int(rawValue >> 32 & 0xfff) }
    package var repStart: Int { Int(rawValue >> 48 & 0xfff) }
    package var hasReservedBits: Bool { rawValue & 0xf000_f000_f800_0000 != 0 }
}

/// Where a call's parameters are.
package enum HypercallParameters: Sendable {
    /// Fast: up to sixteen bytes in two registers.
    case registers(UInt64, UInt64)
    /// Guest-physical addresses of input and output.
    case memory(input: UInt64, output: UInt64)
    /// The root's stack has no guest-physical address space; it hands the bytes over and gets bytes back.
    case bytes([UInt8])
    /// The same for calls of up to sixteen bytes whose output, if any, nobody wants: as a fast call's registers.
    case words(UInt64, UInt64)
}

/// The hypercall result value (TLFS 3.8) and, for callers by bytes, the output.
package struct HypercallReply: Equatable, Sendable {
    package var status: HypercallStatus
    package var repsCompleted: Int
    package var output: [UInt8]
    /// For the stack's errors only: what a status cannot say.
    package var detail = ""

    package init(_ status: HypercallStatus, repsCompleted: Int = 0, output: [UInt8] = [], detail: String = "") {
        (self.status, self.repsCompleted, self.output, self.detail) = (status, repsCompleted, output, detail)
    }

    package var rawValue: UInt64 { UInt64(status.rawValue) | UInt64(repsCompleted & 0xfff) << 32 }
}
