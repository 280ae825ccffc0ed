/// The Internet checksum (RFC 1071). Sums are kept in the host's byte order: what is stored back needs no swap.
public enum InternetChecksum {
    /// Adds the 16-bit words of `bytes` to `initial`. The place of `bytes` in memory may be odd; where a sum is made of several parts, all
    /// but the last have an even length.
    public static func sum(_ bytes: UnsafeRawBufferPointer, _ initial: UInt64 = 0) -> UInt64 {
        guard let base = bytes.baseAddress else { return initial }
        var (first, second, offset) = (initial, UInt64(0), 0)
        let count = bytes.count
        // 32-bit words in 64-bit accumulators: no carry is lost below 2^32 words.
        while count - offset >= 16 {
            first &+= UInt64(base.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            second &+= UInt64(base.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self))
            first &+= UInt64(base.loadUnaligned(fromByteOffset: offset + 8, as: UInt32.self))
            second &+= UInt64(base.loadUnaligned(fromByteOffset: offset + 12, as: UInt32.self))
            offset += 16
        }
        var total = first &+ second
        while count - offset >= 2 {
            total &+= UInt64(base.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
            offset += 2
        }
        if offset < count { total &+= UInt64(UInt16(littleEndian: UInt16(bytes[offset]))) }
        return total
    }

    /// Folds a sum to 16 bits; not complemented.
    public static func fold(_ sum: UInt64) -> UInt16 {
        var value = (sum & 0xffff_ffff) + (sum >> 32)
        value = (value & 0xffff) + (value >> 16)
        value = (value & 0xffff) + (value >> 16)
        value = (value & 0xffff) + (value >> 16)
        return UInt16(truncatingIfNeeded: value)
    }

    /// The sum of a TCP or UDP pseudo header (RFC 9293 3.1, RFC 8200 8.1): `addresses` are source and destination one after another as they
    /// stand in the IP header, `length` the bytes of the layer 4 header and its payload.
    public static func pseudoHeader(addresses: UnsafeRawBufferPointer, protocol number: UInt8, length: Int) -> UInt64 {
        let high = UInt16(truncatingIfNeeded: length >> 16).bigEndian
        let low = UInt16(truncatingIfNeeded: length).bigEndian
        return sum(addresses, UInt64(high) + UInt64(low) + UInt64(UInt16(number).bigEndian))
    }
}

extension FrameHeader {
    /// The finished value of a `partial` checksum, to be stored at `checksumStart + checksumOffset` in the host's byte order; nil when
    /// those offsets are not inside the frame or the checksum is not `partial`. The frame stays as it is.
    public func completedChecksum(of frame: UnsafeRawBufferPointer) -> UInt16? {
        let (start, field) = (Int(checksumStart), Int(checksumStart) + Int(checksumOffset))
        guard checksum == .partial, start < frame.count, field + 2 <= frame.count else { return nil }
        let value = ~InternetChecksum.fold(InternetChecksum.sum(UnsafeRawBufferPointer(rebasing: frame[start...])))
        // Zero would say “no checksum” in UDP; both are zero in one's complement.
        return value == 0 ? 0xffff : value
    }

    /// Makes a `partial` checksum in place; false, and nothing done, where `completedChecksum` has no answer.
    public func completeChecksum(in frame: UnsafeMutableRawBufferPointer) -> Bool {
        guard let value = completedChecksum(of: UnsafeRawBufferPointer(frame)) else { return false }
        frame.storeBytes(of: value, toByteOffset: Int(checksumStart) + Int(checksumOffset), as: UInt16.self)
        return true
    }
}
