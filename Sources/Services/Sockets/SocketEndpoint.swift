import Basics

/// How a vsock port is written as a service id (Linux: net/vmw_vsock/hyperv_transport.c): `PPPPPPPP-facb-11e6-bd58-64006a7986d3`, of
/// which the port is the first group; only such ids, with ports up to 0x7fffffff, can be listened on.
package enum SocketEndpoint {
    private static let rest: [UInt8] = [0xcb, 0xfa, 0xe6, 0x11, 0xbd, 0x58, 0x64, 0x00, 0x6a, 0x79, 0x86, 0xd3]
    package static let largestPort: UInt32 = 0x7fff_ffff

    package static func service(port: UInt32) -> GUID {
        GUID(bytes: (0..<4).map { UInt8(truncatingIfNeeded: port >> ($0 * 8)) } + rest)
    }

    /// nil: not a service id of this form.
    package static func port(of service: GUID) -> UInt32? {
        guard Array(service.bytes[4...]) == rest else { return nil }
        return service.bytes[..<4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
}
