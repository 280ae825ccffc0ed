/// Which frames the guest wants: its packet filter, its own address and the groups it joined.
struct PacketFilter: Codable, Equatable, Sendable {
    /// Groups that a guest may list; with more it must ask for all.
    static let mostGroups = 32

    /// Bits of `RNDIS.Filter`.
    var bits: UInt32 = 0
    /// The adapter's own address, six bytes.
    var address: [UInt8]
    /// The address that a guest had set before its driver closed the channel. Linux keeps it over a change of MTU without saying so again.
    var formerAddress: [UInt8]?
    /// Multicast addresses, six bytes each.
    var groups: [[UInt8]] = []

    /// True when a frame to `destination` is for this guest. Precondition: at least six bytes.
    func takes(_ destination: UnsafeRawBufferPointer) -> Bool {
        if bits & RNDIS.Filter.promiscuous != 0 { return true }
        if destination[0] & 1 == 0 {
            guard bits & RNDIS.Filter.directed != 0 else { return false }
            if Self.equal(destination, address) { return true }
            return formerAddress.map { Self.equal(destination, $0) } ?? false
        }
        if (0..<6).allSatisfy({ destination[$0] == 0xff }) { return bits & RNDIS.Filter.broadcast != 0 }
        if bits & RNDIS.Filter.allMulticast != 0 { return true }
        return bits & RNDIS.Filter.multicast != 0 && groups.contains { Self.equal(destination, $0) }
    }

    private static func equal(_ destination: UnsafeRawBufferPointer, _ address: [UInt8]) -> Bool {
        for position in 0..<6 where destination[position] != address[position] { return false }
        return true
    }
}
