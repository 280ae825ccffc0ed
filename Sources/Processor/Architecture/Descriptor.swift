import CHost

/// A segment or system descriptor of the GDT or LDT (AMD APM vol. 2, 4.7).
///
///      63      56 55  52 51   48 47     40 39           16 15         0
///     ┌──────────┬──────┬───────┬─────────┬───────────────┬────────────┐
///     │base 31-24│G D L A│limit │P DPL S T│   base 23-0   │ limit 15-0 │
///     └──────────┴──────┴───────┴─────────┴───────────────┴────────────┘
///
/// In long mode system descriptors have a second quadword with bits 63-32 of the base (4.8.3).
package struct Descriptor {
    package var low: UInt64
    package var high: UInt64 = 0

    @inline(__always)
    package init(low: UInt64, high: UInt64 = 0) { (self.low, self.high) = (low, high) }

    package var base: UInt64 { (low >> 16 & 0xff_ffff) | (low >> 32 & 0xff00_0000) | high << 32 }
    /// In bytes, granularity applied.
    package var limit: UInt32 {
        let raw = UInt32(truncatingIfNeeded: (low & 0xffff) | (low >> 32 & 0xf_0000))
        return isPageGranular ? raw << 12 | 0xfff : raw
    }
    /// As `lv_segment` keeps them: bits 0-3 type, 4 S, 5-6 DPL, 7 P, 12 AVL, 13 L, 14 D/B, 15 G.
    package var attributes: UInt16 { UInt16(truncatingIfNeeded: low >> 40) & 0xf0ff }

    package var type: Int { Int(low >> 40 & 0xf) }
    /// False: a code or data segment.
    package var isSystem: Bool { low >> 44 & 1 == 0 }
    package var privilege: UInt32 { UInt32(low >> 45 & 3) }
    package var isPresent: Bool { low >> 47 & 1 != 0 }
    package var isLong: Bool { low >> 53 & 1 != 0 }
    package var isBig: Bool { low >> 54 & 1 != 0 }
    package var isPageGranular: Bool { low >> 55 & 1 != 0 }

    package var isCode: Bool { !isSystem && type & 8 != 0 }
    package var isData: Bool { !isSystem && type & 8 == 0 }
    package var isConforming: Bool { isCode && type & 4 != 0 }
    package var isWritableData: Bool { isData && type & 2 != 0 }
    package var isReadable: Bool { isData || type & 2 != 0 }
    package var isAccessed: Bool { type & 1 != 0 }

    /// A segment register that holds this descriptor.
    package func segment(selector: UInt16) -> lv_segment {
        lv_segment(base: base, limit: limit, selector: selector, attributes: attributes)
    }
}

/// A gate of the IDT, GDT or LDT (APM vol. 2, 4.7.4 and 4.8.4).
package struct Gate {
    package let low: UInt64
    package let high: UInt64

    package var selector: UInt16 { UInt16(truncatingIfNeeded: low >> 16) }
    package var offset32: UInt64 { (low & 0xffff) | (low >> 32 & 0xffff_0000) }
    package var offset64: UInt64 { offset32 | high << 32 }
    package var type: Int { Int(low >> 40 & 0x1f) }
    package var privilege: UInt32 { UInt32(low >> 45 & 3) }
    package var isPresent: Bool { low >> 47 & 1 != 0 }
    /// Words or doublewords that a legacy call gate copies between stacks.
    package var parameterCount: Int { Int(low >> 32 & 0x1f) }
    /// Index into the TSS's interrupt stack table, 0: none (long mode).
    package var interruptStack: Int { Int(low >> 32 & 7) }
}

/// Types of system descriptors and gates, the five bits S and type with S = 0 (APM vol. 2, tables 4-5 and 4-6).
package enum SystemType {
    package static let availableTSS16 = 1
    package static let ldt = 2
    package static let busyTSS16 = 3
    package static let callGate16 = 4
    package static let taskGate = 5
    package static let interruptGate16 = 6
    package static let trapGate16 = 7
    package static let availableTSS = 9
    package static let busyTSS = 0xb
    package static let callGate = 0xc
    package static let interruptGate = 0xe
    package static let trapGate = 0xf
}

/// Bits of `lv_segment.attributes`.
package enum SegmentAttributes {
    package static let accessed: UInt16 = 1 << 0
    /// Writable data, or readable code.
    package static let writable: UInt16 = 1 << 1
    /// Expand-down data, or conforming code.
    package static let expandDown: UInt16 = 1 << 2
    package static let code: UInt16 = 1 << 3
    package static let nonSystem: UInt16 = 1 << 4
    package static let privilege: UInt16 = 3 << 5
    package static let present: UInt16 = 1 << 7
    package static let long: UInt16 = 1 << 13
    package static let big: UInt16 = 1 << 14
    package static let granular: UInt16 = 1 << 15

    /// Present, writable, accessed 16-bit data of DPL 0: real mode's and, with DPL 3, VM86's.
    package static let data16: UInt16 = 0x93
    /// Present, readable, accessed 16-bit code of DPL 0.
    package static let code16: UInt16 = 0x9b
}

/// Bits of a selector.
package enum Selector {
    @inline(__always)
    package static func privilege(_ selector: UInt16) -> UInt32 { UInt32(selector & 3) }
    /// True when it names the LDT.
    @inline(__always)
    package static func isLocal(_ selector: UInt16) -> Bool { selector & 4 != 0 }
    @inline(__always)
    package static func isNull(_ selector: UInt16) -> Bool { selector & 0xfffc == 0 }
    /// As an error code: without RPL.
    @inline(__always)
    package static func errorCode(_ selector: UInt16) -> UInt32 { UInt32(selector & 0xfffc) }
}
