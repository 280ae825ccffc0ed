/// Offloads as NDIS describes them (NDIS_OFFLOAD, NDIS_OFFLOAD_PARAMETERS): what the adapter can do, and what the guest chose.
struct OffloadChoice: Codable, Equatable, Sendable {
    /// The guest takes coalesced TCP segments.
    var coalescesVersion4 = false
    var coalescesVersion6 = false

    /// Bytes of the largest TCP frame a guest may send, as on Hyper-V (OpenVMM: LSO_MAX_OFFLOAD_SIZE).
    static let largestSend: UInt32 = 0xf53c
    /// Ethernet (IEEE 802.3) is the encapsulation.
    private static let ethernet: UInt32 = 2

    /// OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES in the revision of the guest's NDIS version.
    static func capabilities(ndisMajor: UInt32, ndisMinor: UInt32, coalescing: Bool) -> [UInt8] {
        let size: UInt16 = ndisMajor < 6 || ndisMinor < 1 ? 112 : ndisMinor < 30 ? 144 : 156
        var object = NetworkMessageBuilder()
        object.add(UInt8(0xa7))
        object.add(UInt8(size == 112 ? 1 : size == 144 ? 2 : 3))
        object.add(size)
        // Checksums: IP options, TCP options, TCP, UDP and IP over version 4; extension headers, TCP options, TCP and UDP over version 6.
        let (version4, version6): (UInt32, UInt32) = (0x155, 0x055)
        for word in [ethernet, version4, ethernet, version4, ethernet, version6, ethernet, version6] { object.add(word) }
        // Large send version 1 (4 words) and IPsec version 1 (7 words): none.
        object.pad(to: 4 + 32 + 44)
        // Large send version 2: over IPv6 also with extension headers and TCP options.
        for word in [ethernet, largestSend, 2, ethernet, largestSend, 2, 0x5] { object.add(word) }
        object.pad(to: 144)
        // Receive segment coalescing, IPv4 and IPv6.
        object.add(UInt8(coalescing ? 1 : 0))
        object.add(UInt8(coalescing ? 1 : 0))
        object.pad(to: 156)
        return Array(object.bytes.prefix(Int(size)))
    }

    /// Takes OID_TCP_OFFLOAD_PARAMETERS; gives the status. Checksum and large-send choices bind the guest, which then does not ask for them.
    mutating func take(_ object: NetworkMessageFields, mayCoalesce: Bool) -> UInt32 {
        guard let type: UInt8 = object.load(0), type == 0x80, object.count >= 20 else { return RNDIS.invalidData }
        // Large send version 1 is not offered.
        if let first: UInt8 = object.load(9), first == 2 { return RNDIS.notSupported }
        if let choice: UInt8 = object.load(22), choice == 1 || choice == 2 { coalescesVersion4 = choice == 2 && mayCoalesce }
        if let choice: UInt8 = object.load(23), choice == 1 || choice == 2 { coalescesVersion6 = choice == 2 && mayCoalesce }
        return RNDIS.success
    }

    /// OID_OFFLOAD_ENCAPSULATION: plain Ethernet.
    static func encapsulation() -> [UInt8] {
        var object = NetworkMessageBuilder()
        object.add(UInt8(0xa8))
        object.add(UInt8(1))
        object.add(UInt16(28))
        for word: UInt32 in [1, ethernet, 14, 1, ethernet, 14] { object.add(word) }
        return object.bytes
    }
}
