import CHost
import Glibc

/// The host's own adapter on an internal switch, or the way to a bridge: a TAP device (Linux Documentation/networking/tuntap.rst).
///
/// Each frame has a 10-byte virtio-net header (virtio 1.2, 5.1.6), so large segments and unfinished checksums cross whole.
package final class TAPUplink: Uplink {
    package let interface: String
    package let carriesTags: Bool
    private let descriptor: Int32
    private var buffer = [UInt8](repeating: 0, count: 10 + FrameRing.largestFrame + 4)
    private var hasInput = false

    /// An internal switch's: `name` becomes the host's adapter.
    package init(internalNamed name: String) throws {
        (descriptor, interface) = try Self.open(name)
        carriesTags = false
        lv_interface_up(interface)
    }

    /// An external switch's: through the bridge or the TAP device `adapter`.
    package init(external adapter: String) throws {
        switch lv_interface_kind(adapter) {
        case 1:
            (descriptor, interface) = try Self.open("")
            carriesTags = true
            let failure = lv_bridge_add(adapter, interface)
            guard failure == 0 else {
                close(descriptor)
                throw Self.failure(-failure, "join the bridge “\(adapter)”", adapter)
            }
            lv_interface_up(interface)
        case 2:
            (descriptor, interface) = try Self.open(adapter)
            carriesTags = true
            lv_interface_up(adapter)
        case 0:
            throw NetworkError(
                "NetAdapterUnusable", .invalidArgument, "“\(adapter)” is neither a bridge nor a TAP device.",
                action:
                    "Make a bridge that holds it (ip link add br0 type bridge; ip link set \(adapter) master br0; move its addresses to br0) and name the bridge.",
                target: adapter)
        default:
            throw NetworkError(
                "NetAdapterNotFound", .objectNotFound, "There is no network interface “\(adapter)” on this host.",
                action: "ip link lists those that exist.", target: adapter)
        }
    }

    private static func open(_ name: String) throws -> (Int32, String) {
        var buffer = [CChar](repeating: 0, count: 64)
        for (index, byte) in name.utf8.prefix(15).enumerated() { buffer[index] = CChar(bitPattern: byte) }
        let descriptor = lv_tap_open(&buffer)
        guard descriptor >= 0 else { throw failure(-descriptor, "open a TAP device", name) }
        return (descriptor, String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }

    private static func failure(_ code: Int32, _ doing: String, _ target: String) -> NetworkError {
        switch code {
        case EPERM, EACCES:
            NetworkError(
                "PrivilegeMissing", .permissionDenied, "This user may not \(doing): the privilege CAP_NET_ADMIN is missing.",
                action:
                    "Run as root, give the program the privilege (setcap cap_net_admin+ep), or use a switch that needs none: -SwitchType NAT.",
                target: target)
        case ENOENT:
            NetworkError(
                "NetAdapterUnusable", .resourceUnavailable, "Cannot \(doing): the host has no /dev/net/tun.",
                action: "Load the module tun, or use a switch that needs none: -SwitchType NAT.", target: target)
        case EBUSY:
            NetworkError(
                "NetAdapterUnusable", .resourceBusy, "Cannot \(doing): “\(target)” is in use by another program.",
                action: "End that program or name another device.", target: target)
        default:
            NetworkError(
                "NetAdapterUnusable", .resourceUnavailable, "Cannot \(doing): \(String(cString: strerror(code))).", target: target)
        }
    }

    deinit { close(descriptor) }

    package func send(_ header: FrameHeader, _ segments: UnsafeBufferPointer<iovec>) -> Bool {
        guard let first = segments.first, let bytes = first.iov_base, first.iov_len >= 14 else { return false }
        let shift = header.tag == nil ? 0 : 4
        return withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { scratch -> Bool in
            Self.encode(header, tagBytes: shift, etherType: Self.etherType(bytes), into: scratch)
            if let tag = header.tag {
                scratch.storeBytes(of: UInt16(0x8100).bigEndian, toByteOffset: 10, as: UInt16.self)
                scratch.storeBytes(of: tag.bigEndian, toByteOffset: 12, as: UInt16.self)
            }
            return withUnsafeTemporaryAllocation(of: iovec.self, capacity: segments.count + 3) { parts -> Bool in
                parts[0] = iovec(iov_base: scratch.baseAddress, iov_len: 10)
                var count = 1
                if shift > 0 {
                    parts[1] = iovec(iov_base: bytes, iov_len: 12)
                    parts[2] = iovec(iov_base: scratch.baseAddress?.advanced(by: 10), iov_len: 4)
                    parts[3] = iovec(iov_base: bytes + 12, iov_len: first.iov_len - 12)
                    count = 4
                } else {
                    parts[1] = first
                    count = 2
                }
                for segment in segments.dropFirst() {
                    parts[count] = segment
                    count += 1
                }
                return writev(descriptor, parts.baseAddress, Int32(count)) > 0
            }
        }
    }

    private static func etherType(_ bytes: UnsafeMutableRawPointer) -> UInt16 {
        UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 12, as: UInt16.self))
    }

    /// u8 flags (1 checksum needed, 2 valid) │ u8 segmentation (0 none, 1 TCPv4, 4 TCPv6) │ u16 headers, segment, sum start, sum offset
    private static func encode(_ header: FrameHeader, tagBytes: Int, etherType: UInt16, into bytes: UnsafeMutableRawBufferPointer) {
        let shift = UInt16(tagBytes)
        bytes.storeBytes(of: header.checksum == .partial ? 1 : header.checksum == .verified ? 2 : 0, as: UInt8.self)
        bytes.storeBytes(of: header.segmentSize == 0 ? 0 : etherType == 0x86DD ? 4 : 1, toByteOffset: 1, as: UInt8.self)
        let needed = header.checksum == .partial
        bytes.storeBytes(of: header.segmentSize == 0 ? 0 : header.headerCount &+ shift, toByteOffset: 2, as: UInt16.self)
        bytes.storeBytes(of: header.segmentSize, toByteOffset: 4, as: UInt16.self)
        bytes.storeBytes(of: needed ? header.checksumStart &+ shift : 0, toByteOffset: 6, as: UInt16.self)
        bytes.storeBytes(of: needed ? header.checksumOffset : 0, toByteOffset: 8, as: UInt16.self)
    }

    package func prepare(_ polled: inout [pollfd], milliseconds: inout Int32) {
        polled.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
    }

    package func service(_ polled: ArraySlice<pollfd>) { hasInput = polled.first.map { $0.revents != 0 } ?? false }

    package func receive(limit: Int, _ body: (FrameHeader, UnsafeRawBufferPointer) -> Void) -> Bool {
        guard hasInput else { return false }
        for _ in 0..<limit {
            let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            guard count > 24 else {
                hasInput = false
                return false
            }
            buffer.withUnsafeBytes { bytes in
                let frame = UnsafeRawBufferPointer(rebasing: bytes[10..<count])
                body(Self.decode(bytes, frame: frame.count), frame)
            }
        }
        return true
    }

    private static func decode(_ bytes: UnsafeRawBufferPointer, frame count: Int) -> FrameHeader {
        func word(_ at: Int) -> UInt16 { bytes.loadUnaligned(fromByteOffset: at, as: UInt16.self) }
        var header = FrameHeader()
        header.checksum = bytes[0] & 1 != 0 ? .partial : bytes[0] & 2 != 0 ? .verified : .complete
        (header.checksumStart, header.checksumOffset) = (word(6), word(8))
        if bytes[1] & 0x7F != 0 {
            header.segmentSize = word(4)
            // The kernel's header length is a hint; the TCP header's own length is not.
            let offset = Int(header.checksumStart) + 12
            let length = 10 + offset < bytes.count ? Int(bytes[10 + offset] >> 4) * 4 : 20
            header.headerCount = header.checksumStart &+ UInt16(length)
        }
        header.fit(frame: count)
        return header
    }
}
