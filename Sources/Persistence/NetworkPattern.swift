/// What an access rule's address field matches: any address, an IP range, or a MAC address.
public enum NetworkPattern: Equatable, Sendable {
    case any
    /// `0.0.0.0/0`: every IPv4 address.
    case ipv4(UInt32, prefix: Int)
    /// Sixteen bytes.
    case ipv6([UInt8], prefix: Int)
    /// Twelve upper-case hexadecimal digits.
    case mac(String)

    /// Reads `ANY`, `10.0.0.0/8`, `10.1.2.3`, `fe80::/10`, `00-15-5D-01-02-03`; nil: it is none of them.
    public init?(_ text: String) {
        if text.uppercased() == "ANY" || text == "*" {
            self = .any
            return
        }
        if let mac = MACAddress.normalised(text), !text.contains("."), text.count == 12 || text.count == 17 {
            self = .mac(mac)
            return
        }
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        var prefix: Int?
        if parts.count == 2 {
            guard parts[1].count <= 3, parts[1].allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int(parts[1]) else { return nil }
            prefix = number
        }
        if let address = Self.ipv4(parts[0]) {
            guard (prefix ?? 32) <= 32 else { return nil }
            self = .ipv4(address, prefix: prefix ?? 32)
        } else if let address = Self.ipv6(parts[0]) {
            guard (prefix ?? 128) <= 128 else { return nil }
            self = .ipv6(address, prefix: prefix ?? 128)
        } else {
            return nil
        }
    }

    private static func ipv4(_ text: Substring) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var address: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.allSatisfy({ $0.isASCII && $0.isNumber }), let byte = UInt8(part) else { return nil }
            address = address << 8 | UInt32(byte)
        }
        return address
    }

    /// The text forms of RFC 4291, 2.2, the mixed one included.
    private static func ipv6(_ text: Substring) -> [UInt8]? {
        guard text.contains(":"), text.utf8.count <= 45 else { return nil }
        func groups(_ text: Substring, mayEndInIPv4: Bool) -> [UInt8]? {
            guard !text.isEmpty else { return [] }
            var bytes: [UInt8] = []
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            for (position, part) in parts.enumerated() {
                if mayEndInIPv4, position == parts.count - 1, part.contains(".") {
                    guard let address = ipv4(part) else { return nil }
                    bytes += [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: address >> $0) }
                    continue
                }
                guard (1...4).contains(part.count), part.allSatisfy({ $0.isASCII && $0.isHexDigit }), let word = UInt16(part, radix: 16)
                else { return nil }
                bytes += [UInt8(word >> 8), UInt8(truncatingIfNeeded: word)]
            }
            return bytes
        }
        guard let gap = text.firstRange(of: "::") else {
            guard let bytes = groups(text, mayEndInIPv4: true), bytes.count == 16 else { return nil }
            return bytes
        }
        guard let head = groups(text[..<gap.lowerBound], mayEndInIPv4: false),
            let tail = groups(text[gap.upperBound...], mayEndInIPv4: true), head.count + tail.count <= 14
        else { return nil }
        return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
    }
}
