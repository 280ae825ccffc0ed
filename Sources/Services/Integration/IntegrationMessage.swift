/// The message that every integration service exchanges with its driver in the guest, and its numbers.
///
///      0  u32 pipe packet type (1: data)   4  u32 bytes after this header        struct vmbuspipe_hdr
///      8  u16 major, u16 minor  framework version                                struct icmsg_hdr
///     12  u16 message kind
///     14  u16 major, u16 minor  message version
///     18  u16 bytes of the body
///     20  u32 status (of an answer)
///     24  u8 transaction   25  u8 flags   26  u16 reserved
///     28  body
///
/// (Linux: include/linux/hyperv.h.) A driver answers with the same message, its body changed, status and flags set.
struct IntegrationMessage: Equatable {
    /// ICMSGTYPE_….
    struct Kind: RawRepresentable, Hashable, Codable, Sendable {
        let rawValue: UInt16
        static let negotiate = Kind(rawValue: 0)
        static let heartbeat = Kind(rawValue: 1)
        static let keyValueExchange = Kind(rawValue: 2)
        static let shutdown = Kind(rawValue: 3)
        static let timeSynchronization = Kind(rawValue: 4)
        static let vss = Kind(rawValue: 5)
        static let fileCopy = Kind(rawValue: 7)
    }
    /// ICMSGHDRFLAG_….
    enum Flags {
        static let transaction: UInt8 = 1
        static let request: UInt8 = 2
        static let response: UInt8 = 4
    }
    static let headerSize = 28
    /// PIPE packet type of data.
    private static let pipeData: UInt32 = 1

    var framework = IntegrationVersion(0, 0)
    var kind: Kind
    var version = IntegrationVersion(0, 0)
    var status = IntegrationStatus.success
    var transaction: UInt8
    var flags: UInt8
    var body: [UInt8]

    init(_ kind: Kind, transaction: UInt8, body: [UInt8]) {
        (self.kind, self.transaction, self.body) = (kind, transaction, body)
        flags = Flags.transaction | Flags.request
    }

    /// From a packet of the guest's; nil when it is too short for a header or of another pipe packet type. A body shorter than the
    /// header says is taken as far as it goes: services check the fields they read.
    init?(parsing payload: [UInt8]) {
        let fields = IntegrationFields(payload)
        guard payload.count >= Self.headerSize, fields.value(at: 0) == Self.pipeData, let framework = IntegrationVersion(fields, at: 8),
            let kind = fields.value(at: 12, as: UInt16.self), let version = IntegrationVersion(fields, at: 14),
            let size = fields.value(at: 18, as: UInt16.self), let status = fields.value(at: 20, as: UInt32.self)
        else { return nil }
        (self.framework, self.kind, self.version) = (framework, Kind(rawValue: kind), version)
        self.status = IntegrationStatus(rawValue: status)
        (transaction, flags) = (payload[24], payload[25])
        body = Array(payload[Self.headerSize...].prefix(Int(size)))
    }

    /// The packet's payload.
    var encoded: [UInt8] {
        var fields = IntegrationFields()
        fields.append(Self.pipeData)
        fields.append(UInt32(Self.headerSize - 8 + body.count))
        framework.append(to: &fields)
        fields.append(kind.rawValue)
        version.append(to: &fields)
        fields.append(UInt16(truncatingIfNeeded: body.count))
        fields.append(status.rawValue)
        fields.append(transaction)
        fields.append(flags)
        fields.append(UInt16(0))
        fields.append(body)
        return fields.bytes
    }
}

/// A version of the framework or of one service's messages.
package struct IntegrationVersion: Hashable, Codable, Sendable, Comparable, CustomStringConvertible {
    package let major: UInt16
    package let minor: UInt16

    package init(_ major: UInt16, _ minor: UInt16) { (self.major, self.minor) = (major, minor) }

    init?(_ fields: IntegrationFields, at offset: Int) {
        guard let major = fields.value(at: offset, as: UInt16.self), let minor = fields.value(at: offset + 2, as: UInt16.self) else {
            return nil
        }
        self.init(major, minor)
    }

    func append(to fields: inout IntegrationFields) {
        fields.append(major)
        fields.append(minor)
    }

    package static func < (left: Self, right: Self) -> Bool { (left.major, left.minor) < (right.major, right.minor) }
    package var description: String { "\(major).\(minor)" }
}

/// The status word of an answer: an HRESULT (Linux: HV_S_OK and kin in include/uapi/linux/hyperv.h).
package struct IntegrationStatus: RawRepresentable, Hashable, Codable, Sendable, CustomStringConvertible {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package static let success = IntegrationStatus(rawValue: 0)
    package static let failed = IntegrationStatus(rawValue: 0x8000_4005)
    /// ERROR_NO_MORE_ITEMS: an enumeration's end; Linux also answers so for a key that is not there.
    package static let noMoreItems = IntegrationStatus(rawValue: 0x8007_0103)
    package static let notSupported = IntegrationStatus(rawValue: 0x8007_0032)
    package static let locked = IntegrationStatus(rawValue: 0x8007_04f7)
    package static let deviceNotConnected = IntegrationStatus(rawValue: 0x8007_048f)
    package static let invalidArgument = IntegrationStatus(rawValue: 0x8007_0057)
    /// WBEM_E_NOT_FOUND: no adapter of this id.
    package static let notFound = IntegrationStatus(rawValue: 0x8004_1002)
    package static let alreadyExists = IntegrationStatus(rawValue: 0x8007_0050)
    package static let diskFull = IntegrationStatus(rawValue: 0x8007_0070)

    package var description: String {
        let number = String(rawValue, radix: 16)
        return "0x" + String(repeating: "0", count: 8 - number.count) + number
    }
}
