/// Numbers of the MSRs that the engine keeps itself (AMD APM vol. 2, appendix A); all others are intercepts.
package enum ArchitecturalMSR {
    package static let sysenterCS: UInt32 = 0x174
    package static let sysenterESP: UInt32 = 0x175
    package static let sysenterEIP: UInt32 = 0x176
    package static let pat: UInt32 = 0x277
    package static let efer: UInt32 = 0xc000_0080
    package static let star: UInt32 = 0xc000_0081
    package static let lstar: UInt32 = 0xc000_0082
    package static let cstar: UInt32 = 0xc000_0083
    package static let sfmask: UInt32 = 0xc000_0084
    package static let fsBase: UInt32 = 0xc000_0100
    package static let gsBase: UInt32 = 0xc000_0101
    package static let kernelGSBase: UInt32 = 0xc000_0102
    package static let tscAux: UInt32 = 0xc000_0103

    /// All of them, in ascending order.
    package static let all: [UInt32] = [
        sysenterCS, sysenterESP, sysenterEIP, pat, efer, star, lstar, cstar, sfmask, fsBase, gsBase, kernelGSBase, tscAux,
    ]
}

/// The page-attribute table, MSR 0x277: eight memory types of one byte each (APM vol. 2, 7.8).
package enum PageAttributeTable {
    package static let atReset: UInt64 = 0x0007_0406_0007_0406

    /// True when every byte is a defined type: UC, WC, WT, WP, WB, UC-.
    package static func isValid(_ value: UInt64) -> Bool {
        for shift in stride(from: UInt64(0), to: 64, by: 8) {
            switch value >> shift & 0xff {
            case 0, 1, 4, 5, 6, 7: continue
            default: return false
            }
        }
        return true
    }
}
