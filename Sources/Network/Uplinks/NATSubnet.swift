import Glibc

/// The network behind a NAT switch, and what stands where in it.
///
/// ```
/// .2 gateway (also the host's own services)   .3 name server   .15 and up: given out by DHCP
/// ```
package struct NATSubnet: Equatable, Sendable {
    /// First address, host byte order.
    package let network: UInt32
    package let prefix: Int

    /// `10.0.5.0/24`; throws a `NetworkError` for anything else than an IPv4 network with a prefix of 8 to 27.
    package init(_ text: String) throws {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        var address = in_addr()
        guard parts.count == 2, inet_pton(AF_INET, parts[0], &address) == 1, let prefix = Int(parts[1]), 8...27 ~= prefix,
            UInt32(bigEndian: address.s_addr) & (.max >> UInt32(prefix)) == 0, address.s_addr != 0
        else {
            throw NetworkError(
                "NatSubnetInvalid", .invalidArgument, "“\(text.prefix(64))” is no network for a NAT switch.",
                action: "Give an IPv4 network with a prefix of 8 to 27, like 192.168.100.0/24.", target: text)
        }
        (network, self.prefix) = (UInt32(bigEndian: address.s_addr), prefix)
    }

    package var mask: UInt32 { .max << (32 - UInt32(prefix)) }
    package var gateway: UInt32 { network + 2 }
    package var nameServer: UInt32 { network + 3 }
    package var firstLease: UInt32 { network + 15 }

    package func contains(_ address: UInt32) -> Bool { address & mask == network }

    /// An IPv4 address in host byte order.
    package static func address(_ text: String) -> UInt32? {
        var address = in_addr()
        return inet_pton(AF_INET, text, &address) == 1 ? UInt32(bigEndian: address.s_addr) : nil
    }
}

/// A port of the host that leads to a guest behind NAT.
package struct PortForwarding: Codable, Hashable, Sendable {
    package var isUDP: Bool
    /// IPv4 addresses in host byte order; external 0: every address of the host.
    package var externalAddress: UInt32
    package var externalPort: UInt16
    package var internalAddress: UInt32
    package var internalPort: UInt16

    package init(isUDP: Bool, externalAddress: UInt32, externalPort: UInt16, internalAddress: UInt32, internalPort: UInt16) {
        (self.isUDP, self.externalAddress, self.externalPort) = (isUDP, externalAddress, externalPort)
        (self.internalAddress, self.internalPort) = (internalAddress, internalPort)
    }
}
