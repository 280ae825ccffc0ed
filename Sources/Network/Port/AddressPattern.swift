import CHost
import Glibc

/// The addresses that a rule of an access control list is about.
package enum AddressPattern: Equatable, Sendable {
    case any
    /// IPv4 addresses are their own kind: a rule about 0.0.0.0/0 says nothing of IPv6.
    case ipv4(value: UInt32, prefix: Int)
    case ipv6(high: UInt64, low: UInt64, prefix: Int)
    case mac(MACAddress)

    /// “ANY”, an IPv4 or IPv6 address with optional “/prefix”, or a MAC address; nil when it is none of them.
    package init?(_ text: String) {
        if ["any", "*"].contains(text.lowercased()) {
            self = .any
            return
        }
        if let mac = MACAddress(text) {
            self = .mac(mac)
            return
        }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 2, parts[0].utf8.count < 64 else { return nil }
        func prefix(_ most: Int) -> Int? {
            guard parts.count == 2 else { return most }
            return Int(parts[1]).flatMap { 0...most ~= $0 ? $0 : nil }
        }
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, parts[0], &four) == 1, let prefix = prefix(32) {
            let value = UInt32(bigEndian: four.s_addr)
            self = .ipv4(value: prefix == 0 ? 0 : value & (.max << (32 - UInt32(prefix))), prefix: prefix)
        } else if inet_pton(AF_INET6, parts[0], &six) == 1, let prefix = prefix(128) {
            let (high, low) = withUnsafeBytes(of: &six) {
                (
                    UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)),
                    UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                )
            }
            let (highMask, lowMask) = Self.masks(prefix)
            self = .ipv6(high: high & highMask, low: low & lowMask, prefix: prefix)
        } else {
            return nil
        }
    }

    private static func masks(_ prefix: Int) -> (high: UInt64, low: UInt64) {
        func mask(_ bits: Int) -> UInt64 { bits <= 0 ? 0 : bits >= 64 ? .max : ~(UInt64.max >> UInt64(bits)) }
        return (mask(prefix), mask(prefix - 64))
    }

    /// How much of an address the pattern fixes, for the longest match; nil: it does not match. MAC addresses are the most exact.
    func length(in frame: FrameSummary, _ end: KeyPath<FrameSummary, FrameSummary.End>) -> Int? {
        let address = frame[keyPath: end]
        switch self {
        case .any:
            return frame.network == .other ? nil : 0
        case .ipv4(let value, let prefix):
            guard frame.network == .ipv4 else { return nil }
            let mask: UInt32 = prefix == 0 ? 0 : .max << (32 - UInt32(prefix))
            return UInt32(truncatingIfNeeded: address.low) & mask == value ? 1 + prefix : nil
        case .ipv6(let high, let low, let prefix):
            guard frame.network == .ipv6 else { return nil }
            let masks = Self.masks(prefix)
            return address.high & masks.high == high && address.low & masks.low == low ? 1 + prefix : nil
        case .mac(let mac):
            return address.mac == mac ? 200 : nil
        }
    }
}
