import Network

/// What the guest is told of a received frame beside its bytes, and the head of the RNDIS message that says it.
struct FrameDescription {
    var checksum: FrameHeader.Checksum
    /// 802.1Q tag as it stands in a tag.
    var tag: UInt16?
    var hash: UInt32?
    /// For a part of a coalesced frame: the frame's identity.
    var identity: UInt16?
    var isFirst = false
    var isLast = false
    private let number: UInt8?
    private let isVersion6: Bool

    init(_ header: FrameHeader, _ headers: TransportHeaders?) {
        (checksum, tag) = (header.checksum, header.tag)
        (number, isVersion6) = (headers?.number, headers?.isVersion6 ?? false)
    }

    /// NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO on receive: bit 3 TCP good, 4 UDP good, 5 IP header good, 7 TCP's field holds no checksum.
    private var checksumWord: UInt32? {
        guard checksum != .complete, let number else { return nil }
        let isTCP = number == TransportHeaders.tcp
        return (isTCP ? 1 << 3 : 1 << 4) | (isVersion6 ? 0 : 1 << 5) | (identity != nil && isTCP ? 1 << 7 : 0)
    }

    /// Writes the RNDIS packet message's head into `target`; gives its size, which is where the frame begins.
    /// Precondition: room for `NVSP.headerRoom` bytes.
    func write(_ target: UnsafeMutableRawBufferPointer, frameCount: Int) -> Int {
        func store(_ value: UInt32, _ offset: Int) { target.storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt32.self) }
        let first = RNDIS.headerSize + RNDIS.packetSize
        var end = first
        func element(_ kind: UInt32, _ value: UInt32) {
            store(UInt32(RNDIS.informationSize), end)
            store(kind, end + 4)
            store(12, end + 8)
            store(value, end + 12)
            end += RNDIS.informationSize
        }
        // The parts of a coalesced frame share what its first part says.
        if identity == nil || isFirst {
            if let word = checksumWord { element(RNDIS.Information.checksum, word) }
            if let tag {
                element(RNDIS.Information.tag, UInt32(tag >> 13) | UInt32(tag >> 12 & 1) << 3 | UInt32(tag & 0xfff) << 4)
            }
            if let hash { element(RNDIS.Information.hash, hash) }
        }
        if let identity {
            // Version 1; bit 0 part of a frame, bit 1 its first, bit 2 its last.
            let flags: UInt32 = 1 | (isFirst ? 2 : 0) | (isLast ? 4 : 0)
            element(RNDIS.Information.packetIdentity, 1 | flags << 8 | UInt32(identity) << 16)
        }
        store(RNDIS.packet, 0)
        store(UInt32(end + frameCount), 4)
        store(UInt32(end - RNDIS.headerSize), 8)
        store(UInt32(frameCount), 12)
        for offset in stride(from: 16, to: 28, by: 4) { store(0, offset) }
        store(end > first ? UInt32(RNDIS.packetSize) : 0, 28)
        store(UInt32(end - first), 32)
        store(0, 36)
        store(0, 40)
        return end
    }
}
