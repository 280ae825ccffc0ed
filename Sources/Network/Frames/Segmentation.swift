import Glibc

/// Cuts a large TCP frame (`FrameHeader.segmentSize`) into frames of ordinary size, as a network card with segmentation offload does:
/// lengths, IPv4 identification, sequence numbers, flags and all checksums are made anew for each.
///
///     large:    │ headers │ payload 0 │ payload 1 │ … │ payload n-1 │
///     segment:  │ headers' │ payload i │      headers' written by `writeHeader`, payload i taken where it lies
///
/// Used inside the closure that lends the frame; the headers are copied out once, at the beginning.
public struct FrameSegmenter {
    /// The smallest payload of a segment that is taken: TCP's smallest maximum segment size (Linux: TCP_MIN_SND_MSS). It bounds how many
    /// frames one frame can become.
    public static let smallestSegment = 48

    /// Frames that the large one becomes; at least one.
    public let count: Int
    private let headers: TransportHeaders
    private let segmentSize: Int
    private let frame: UnsafeRawBufferPointer
    private var copy = InlineArray<256, UInt8>(repeating: 0)

    /// nil: not a TCP frame that can be cut (it is to be dropped).
    public init?(_ header: FrameHeader, frame: UnsafeRawBufferPointer) {
        guard Int(header.segmentSize) >= Self.smallestSegment, let base = frame.baseAddress else { return nil }
        let known = min(frame.count, TransportHeaders.reach)
        let parsed = withUnsafeMutableBytes(of: &copy) { target -> TransportHeaders? in
            guard let place = target.baseAddress else { return nil }
            memcpy(place, base, known)
            return TransportHeaders(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(target)[..<known]), frameCount: frame.count)
        }
        guard let parsed, parsed.number == TransportHeaders.tcp else { return nil }
        (headers, segmentSize, self.frame) = (parsed, Int(header.segmentSize), frame)
        count = max(1, (parsed.packetEnd - parsed.count + segmentSize - 1) / segmentSize)
    }

    /// Bytes of Ethernet, IP and TCP headers, the same in every segment; at most `TransportHeaders.reach`.
    public var headerCount: Int { headers.count }

    /// Bytes of the largest segment, headers included.
    public var largest: Int { headerCount + min(segmentSize, headers.packetEnd - headers.count) }

    /// Where in the frame the payload of a segment lies. Precondition: 0 ≤ index < count.
    public func payload(of index: Int) -> Range<Int> {
        let start = headers.count + index * segmentSize
        return start..<min(start + segmentSize, headers.packetEnd)
    }

    /// Writes the headers of a segment, checksums finished, into the first `headerCount` bytes of `target`.
    /// Precondition: 0 ≤ index < count, and `target` has that room.
    public func writeHeader(of index: Int, into target: UnsafeMutableRawBufferPointer) {
        let header = UnsafeMutableRawBufferPointer(rebasing: target[..<headerCount])
        withUnsafeBytes(of: copy) { header.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<headerCount])) }
        let payload = payload(of: index)
        let end = headerCount + payload.count
        if !headers.isVersion6 {
            let identification = UInt16(bigEndian: header.loadUnaligned(fromByteOffset: 18, as: UInt16.self))
            header.storeBytes(of: (identification &+ UInt16(truncatingIfNeeded: index)).bigEndian, toByteOffset: 18, as: UInt16.self)
        }
        headers.finishNetworkHeader(header, end: end)

        let tcp = headers.transport
        let sequence = UInt32(bigEndian: header.loadUnaligned(fromByteOffset: tcp + 4, as: UInt32.self))
        header.storeBytes(
            of: (sequence &+ UInt32(truncatingIfNeeded: index * segmentSize)).bigEndian, toByteOffset: tcp + 4, as: UInt32.self)
        // FIN (0x01) and PSH (0x08) belong to the last segment, CWR (0x80) to the first.
        if index < count - 1 { header[tcp + 13] &= ~0x09 }
        if index > 0 { header[tcp + 13] &= ~0x80 }

        header.storeBytes(of: 0, toByteOffset: tcp + 16, as: UInt16.self)
        let known = UnsafeRawBufferPointer(header)
        var sum = headers.pseudoHeader(known, end: end)
        sum = InternetChecksum.sum(UnsafeRawBufferPointer(rebasing: known[tcp...]), sum)
        sum = InternetChecksum.sum(UnsafeRawBufferPointer(rebasing: frame[payload]), sum)
        header.storeBytes(of: ~InternetChecksum.fold(sum), toByteOffset: tcp + 16, as: UInt16.self)
    }
}
