import Network

/// The head of an RNDIS message in a private copy, with a packet message's parts checked to lie inside it.
///
///     0      4        8             8 + 36
///     │ type │ length │ offsets … │ per-packet information │ … │ frame │ padding │      offsets count from byte 8
struct RNDISHeader {
    let type: UInt32
    /// Bytes of the whole message.
    let length: Int
    /// Where a packet's frame and its per-packet information lie in the message; nil: not inside it.
    let frame: Range<Int>?
    let information: Range<Int>?

    /// nil: no message begins here.
    init?(_ bytes: UnsafeRawBufferPointer, known: Int) {
        func word(_ offset: Int) -> Int { Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))) }
        guard known >= RNDIS.headerSize, bytes.count >= RNDIS.headerSize + RNDIS.packetSize else { return nil }
        let length = word(4)
        guard length >= RNDIS.headerSize else { return nil }
        (type, self.length) = (UInt32(truncatingIfNeeded: word(0)), length)
        func part(_ offset: Int, _ count: Int) -> Range<Int>? {
            let start = RNDIS.headerSize + offset
            return start <= length && count <= length - start ? start..<start + count : nil
        }
        guard type == RNDIS.packet, known >= RNDIS.headerSize + RNDIS.packetSize, length >= RNDIS.headerSize + RNDIS.packetSize else {
            (frame, information) = (nil, nil)
            return
        }
        frame = part(word(8), word(12))
        information = word(32) == 0 ? 0..<0 : part(word(28), word(32))
    }
}

/// What a guest says of a frame beside its bytes (RNDIS per-packet information).
struct PacketInformation {
    /// NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO: bits 0 and 1 IPv4 and IPv6, 2 TCP, 3 UDP, 4 IP header; 16… offset of the TCP header.
    private var checksum: UInt32 = 0
    /// NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO: bits 0…19 segment size, 20…29 offset of the TCP header, 30 version 2, 31 IPv6.
    private var largeSend: UInt32 = 0
    /// 802.1Q tag: VLAN id, DEI and priority as they stand in a tag.
    private(set) var tag: UInt16?

    /// Reads a chain of elements; nil: it is broken.
    init?(_ bytes: UnsafeRawBufferPointer) {
        func word(_ offset: Int) -> UInt32 { UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)) }
        var position = 0
        while position < bytes.count {
            guard bytes.count - position >= 12 else { return nil }
            let (size, kind, offset) = (Int(word(position)), word(position + 4), Int(word(position + 8)))
            guard size >= 12, size <= bytes.count - position, offset <= size else { return nil }
            if size - offset >= 4 {
                let value = word(position + offset)
                switch kind {
                case RNDIS.Information.checksum: checksum = value
                case RNDIS.Information.largeSend: largeSend = value
                case RNDIS.Information.tag:
                    // NDIS: priority in bits 0…2, DEI in 3, VLAN id in 4…15.
                    tag = UInt16(value & 7) << 13 | UInt16(value >> 3 & 1) << 12 | UInt16(value >> 4 & 0xfff)
                default: break
                }
            }
            position += size
        }
    }

    /// The frame's headers must be read before it can be sent.
    var needsHeaders: Bool { largeSend != 0 || checksum & 0x1c != 0 }

    /// Finishes what the guest left to be done about `start`, a copy of the frame's beginning, and fills in the header that travels with
    /// it; false: the frame cannot be sent as the guest wants it. `largestFrame`: bytes of a frame that is not to be cut.
    func prepare(
        _ header: inout FrameHeader, _ start: UnsafeMutableRawBufferPointer, frameCount: Int, largestFrame: Int
    ) -> Bool {
        let known = UnsafeRawBufferPointer(start)
        if largeSend != 0 { return prepareLargeSend(&header, start, frameCount: frameCount) }
        guard frameCount <= largestFrame else { return false }
        if checksum & 0x10 != 0, known.count >= 34, known[12] == 8, known[13] == 0 {
            let size = 14 + Int(known[14] & 15) * 4
            guard size >= 34, size <= known.count else { return false }
            start.storeBytes(of: 0, toByteOffset: 24, as: UInt16.self)
            let sum = InternetChecksum.sum(UnsafeRawBufferPointer(rebasing: known[14..<size]))
            start.storeBytes(of: ~InternetChecksum.fold(sum), toByteOffset: 24, as: UInt16.self)
        }
        if checksum & 0x0c != 0 {
            var offset = Int(checksum >> 16 & 0x3ff)
            if offset == 0 { offset = TransportHeaders(known, frameCount: frameCount)?.transport ?? 0 }
            let place = checksum & 0x04 != 0 ? 16 : 6
            guard offset >= 34, offset + place + 2 <= frameCount else { return false }
            (header.checksum, header.checksumStart, header.checksumOffset) = (.partial, UInt16(offset), UInt16(place))
        }
        return true
    }

    /// A large send: the guest leaves the IP length at zero and the TCP checksum at the pseudo header's sum without a length. Both are
    /// made as the whole frame wants them, so that a receiver who takes it whole finds good headers.
    private func prepareLargeSend(_ header: inout FrameHeader, _ start: UnsafeMutableRawBufferPointer, frameCount: Int) -> Bool {
        let segment = Int(largeSend & 0xfffff)
        guard largeSend & 1 << 30 != 0, frameCount <= 14 + 65535, segment >= FrameSegmenter.smallestSegment, segment <= 65535,
            let headers = TransportHeaders(UnsafeRawBufferPointer(start), frameCount: frameCount, lengthKnown: false),
            headers.number == TransportHeaders.tcp
        else { return false }
        headers.finishNetworkHeader(start, end: frameCount)
        let pseudo = InternetChecksum.fold(headers.pseudoHeader(UnsafeRawBufferPointer(start), end: frameCount))
        start.storeBytes(of: pseudo, toByteOffset: headers.transport + headers.checksumOffset, as: UInt16.self)
        header.checksum = .partial
        (header.checksumStart, header.checksumOffset) = (UInt16(headers.transport), UInt16(headers.checksumOffset))
        // What fits into one segment is an ordinary frame.
        if frameCount - headers.count > segment {
            (header.segmentSize, header.headerCount) = (UInt16(segment), UInt16(headers.count))
        }
        return true
    }
}
