import Basics

/// The pools of key-value exchange (enum hv_kvp_exchg_pool).
enum KeyValuePool: UInt8, Codable, Sendable {
    /// Written by the host.
    case external = 0
    /// Written by programs in the guest.
    case guest = 1
    /// Made up by the daemon.
    case auto = 2
}

/// Bodies of key-value messages. All have the same size, whatever they use of it: a Linux driver answers in the room it was given.
///
///     0 u8 operation   1 u8 pool
///     get, set    4 u32 type   8 u32 key bytes   12 u32 value bytes   16 key[512]   528 value[2048]
///     delete      4 u32 key bytes   8 key[512]
///     enumerate   4 u32 index   8 u32 type   12 u32 key bytes   16 u32 value bytes   20 key[512]   532 value[2048]
///     addresses   2 u16[128] adapter   258 u8 family   259 u8 DHCP   260 u16[1024] addresses   2308 u16[1024] subnets
///                 4356 u16[512] gateways   5380 u16[1024] DNS servers       (version 4 and later)
///
/// Text is UTF-16 with a zero at its end, which its byte count includes (struct hv_kvp_msg, hv_kvp_ip_msg).
enum KeyValueMessage {
    enum Operation {
        static let set: UInt8 = 1, delete: UInt8 = 2, enumerate: UInt8 = 3, getAddresses: UInt8 = 4, setAddresses: UInt8 = 5
    }
    private enum ValueType {
        static let string: UInt32 = 1, expandString: UInt32 = 2, u32: UInt32 = 4
        /// REG_QWORD, and what Linux calls REG_U64.
        static let u64: [UInt32] = [11, 8]
    }
    private static let keyBytes = 512
    private static let valueBytes = 2048
    private static let adapterUnits = 128
    private static let addressUnits = 1024
    private static let gatewayUnits = 512
    /// From this version on there are messages of addresses.
    static let addressVersion = IntegrationVersion(4, 0)

    /// Bytes of every body of a version.
    static func size(_ version: IntegrationVersion) -> Int { version >= addressVersion ? 7428 : 2580 }

    static func enumerate(_ pool: KeyValuePool, index: UInt32, version: IntegrationVersion) -> [UInt8] {
        var body = IntegrationFields([Operation.enumerate, pool.rawValue, 0, 0])
        body.append(index)
        body.pad(to: size(version))
        return body.bytes
    }

    /// nil: key or value is empty, too long (UTF-16, or UTF-8, which Linux makes of it) or contains a zero.
    static func set(_ pool: KeyValuePool, key: String, value: String, version: IntegrationVersion) -> [UInt8]? {
        guard let (keyField, keyCount) = text(key, bytes: keyBytes), keyCount > 2,
            let (valueField, valueCount) = text(value, bytes: valueBytes)
        else { return nil }
        var body = IntegrationFields([Operation.set, pool.rawValue, 0, 0])
        body.append(ValueType.string)
        body.append(keyCount)
        body.append(valueCount)
        body.append(keyField)
        body.append(valueField)
        body.pad(to: size(version))
        return body.bytes
    }

    static func delete(_ pool: KeyValuePool, key: String, version: IntegrationVersion) -> [UInt8]? {
        guard let (field, count) = text(key, bytes: keyBytes), count > 2 else { return nil }
        var body = IntegrationFields([Operation.delete, pool.rawValue, 0, 0])
        body.append(count)
        body.append(field)
        body.pad(to: size(version))
        return body.bytes
    }

    /// Linux finds the adapter by its MAC address, in capitals and with colons.
    static func getAddresses(macAddress: [UInt8], version: IntegrationVersion) -> [UInt8] {
        let name = macAddress.map { byte in
            let digits = String(byte, radix: 16, uppercase: true)
            return digits.count == 1 ? "0" + digits : digits
        }.joined(separator: ":")
        var body = IntegrationFields([Operation.getAddresses, 0])
        body.append(UTF16Field.encode(name, units: adapterUnits) ?? [])
        body.pad(to: size(version))
        return body.bytes
    }

    /// Linux finds the adapter by its VMBus instance, in braces and small letters. nil: a list is too long.
    static func setAddresses(_ settings: GuestAddressSettings, version: IntegrationVersion) -> [UInt8]? {
        func list(_ items: [String], units: Int) -> [UInt8]? { UTF16Field.encode(items.joined(separator: ";"), units: units) }
        guard let adapter = UTF16Field.encode("{\(settings.adapter)}", units: adapterUnits),
            let addresses = list(settings.addresses, units: addressUnits), let subnets = list(settings.subnets, units: addressUnits),
            let gateways = list(settings.gateways, units: gatewayUnits), let servers = list(settings.dnsServers, units: addressUnits)
        else { return nil }
        var body = IntegrationFields([Operation.setAddresses, 0])
        body.append(adapter)
        body.append(settings.family.rawValue)
        body.append(settings.dhcp ? UInt8(1) : 0)
        for part in [addresses, subnets, gateways, servers] { body.append(part) }
        return body.bytes
    }

    // MARK: Answers

    /// The item of an answered `enumerate`; nil: the body is too short. Sizes beyond a field are cut to it.
    static func item(_ body: [UInt8]) -> KeyValuePair? {
        let fields = IntegrationFields(body)
        guard let type = fields.value(at: 8, as: UInt32.self), let keyCount = fields.value(at: 12, as: UInt32.self),
            let valueCount = fields.value(at: 16, as: UInt32.self), let key = fields.part(at: 20, count: keyBytes),
            let value = fields.part(at: 532, count: valueBytes)
        else { return nil }
        let keyText = UTF16Field.decode(Array(key.prefix(Int(keyCount))))
        if type == ValueType.u32 { return KeyValuePair(key: keyText, value: String(fields.value(at: 532, as: UInt32.self) ?? 0)) }
        if ValueType.u64.contains(type) { return KeyValuePair(key: keyText, value: String(fields.value(at: 532, as: UInt64.self) ?? 0)) }
        guard type == ValueType.string || type == ValueType.expandString else { return nil }
        return KeyValuePair(key: keyText, value: UTF16Field.decode(Array(value.prefix(Int(valueCount)))))
    }

    /// The addresses of an answered `getAddresses`; nil: the body is too short.
    static func addresses(_ body: [UInt8], adapter: GUID) -> GuestAdapterAddresses? {
        let fields = IntegrationFields(body)
        guard let dhcp = fields.value(at: 259, as: UInt8.self), let addresses = fields.part(at: 260, count: addressUnits * 2),
            let subnets = fields.part(at: 2308, count: addressUnits * 2), let gateways = fields.part(at: 4356, count: gatewayUnits * 2),
            let servers = fields.part(at: 5380, count: addressUnits * 2)
        else { return nil }
        func list(_ field: [UInt8]) -> [String] { GuestInformation.list(UTF16Field.decode(field)) }
        var result = GuestAdapterAddresses(adapter: adapter)
        (result.dhcp, result.addresses, result.subnets) = (dhcp != 0, list(addresses), list(subnets))
        (result.gateways, result.dnsServers) = (list(gateways), list(servers))
        return result
    }

    /// A text field and its byte count, the zero included.
    private static func text(_ text: String, bytes: Int) -> (field: [UInt8], count: UInt32)? {
        guard text.utf8.count < bytes, let field = UTF16Field.encode(text, units: bytes / 2) else { return nil }
        return (field, UInt32((text.utf16.count + 1) * 2))
    }
}
