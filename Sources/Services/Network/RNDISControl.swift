/// The control half of RNDIS: a request comes in, the answer goes out, and this value holds what the guest set.
struct RNDISControl: Codable, Equatable, Sendable {
    /// Between INITIALIZE and HALT.
    var isInitialized = false
    var filter: PacketFilter
    var scaling = ReceiveScaling()
    var offloads = OffloadChoice()

    init(address: [UInt8]) { filter = PacketFilter(address: address) }

    /// What requests ask about the adapter.
    struct Facts {
        var address: [UInt8]
        var name: String
        /// Bytes of the largest frame, Ethernet header included.
        var frameSize: Int
        var isConnected: Bool
        var queues: Int
        var ndisMajor: UInt32
        var ndisMinor: UInt32
        /// Coalesced segments were agreed on.
        var mayCoalesce: Bool
        var statistics: NetworkAdapterStatistics.Queue
    }

    /// Takes a control message and gives its answer; nil: it has none (HALT) or is no message.
    mutating func receive(_ message: NetworkMessageFields, _ facts: Facts) -> [UInt8]? {
        guard let type: UInt32 = message.load(0), let length: UInt32 = message.load(4), Int(length) <= message.count,
            Int(length) >= RNDIS.headerSize, let body = message.part(RNDIS.headerSize, count: Int(length) - RNDIS.headerSize)
        else { return nil }
        // RESET alone carries no request's number.
        if type == RNDIS.reset {
            (filter.bits, filter.groups) = (0, [])
            return answer(type, [RNDIS.success, 1])
        }
        guard let request: UInt32 = body.load(0) else { return nil }
        switch type {
        case RNDIS.initialize: return initialize(request, body)
        case RNDIS.halt:
            var next = RNDISControl(address: filter.address)
            next.filter.formerAddress = filter.formerAddress
            self = next
            return nil
        case RNDIS.keepAlive: return answer(type, [request, RNDIS.success])
        case RNDIS.query:
            guard let identifier: UInt32 = body.load(4) else { return answer(type, [request, RNDIS.invalidData, 0, 0]) }
            guard let value = ObjectIdentifier(rawValue: identifier).flatMap({ query($0, facts) }) else {
                return answer(type, [request, RNDIS.notSupported, 0, 0])
            }
            return answer(type, [request, RNDIS.success, UInt32(value.count), 16], value)
        case RNDIS.set:
            guard let identifier: UInt32 = body.load(4), let count: UInt32 = body.load(8), let offset: UInt32 = body.load(12),
                let object = body.part(Int(offset), count: Int(count))
            else { return answer(type, [request, RNDIS.invalidData]) }
            guard let known = ObjectIdentifier(rawValue: identifier) else { return answer(type, [request, RNDIS.notSupported]) }
            return answer(type, [request, set(known, object, facts)])
        default: return nil
        }
    }

    /// A message that tells the guest of a change of its link.
    static func indication(_ status: UInt32) -> [UInt8] {
        var message = NetworkMessageBuilder()
        for word in [RNDIS.indicate, 20, status, 0, 12] { message.add(word) }
        return message.bytes
    }

    private mutating func initialize(_ request: UInt32, _ body: NetworkMessageFields) -> [UInt8] {
        let major: UInt32 = body.load(4) ?? 0
        isInitialized = major == 1
        (filter.bits, filter.groups) = (0, [])
        // Connectionless, 802.3; then packets a message, the longest transfer, alignment, no address families.
        return answer(
            RNDIS.initialize,
            [
                request, isInitialized ? RNDIS.success : RNDIS.badVersion, 1, 0, 1, 0, RNDIS.packetsPerMessage, 0x2_0000, RNDIS.alignment,
                0, 0,
            ])
    }

    private func answer(_ type: UInt32, _ words: [UInt32], _ value: [UInt8] = []) -> [UInt8] {
        var message = NetworkMessageBuilder()
        message.add(type | RNDIS.complete)
        message.add(UInt32(RNDIS.headerSize + words.count * 4 + value.count))
        for word in words { message.add(word) }
        message.add(value)
        return message.bytes
    }

    // MARK: Objects

    /// Bits per second.
    private static let linkSpeed: UInt64 = 10_000_000_000

    private func query(_ object: ObjectIdentifier, _ facts: Facts) -> [UInt8]? {
        var value = NetworkMessageBuilder()
        func word(_ number: Int) -> [UInt8] {
            var single = NetworkMessageBuilder()
            single.add(UInt32(truncatingIfNeeded: number))
            return single.bytes
        }
        let counts = facts.statistics
        switch object {
        case .supportedList:
            for known in ObjectIdentifier.allCases { value.add(known.rawValue) }
            return value.bytes
        case .hardwareStatus, .mediaSupported, .mediaInUse, .receiveAlignmentErrors, .transmitOneCollision, .transmitMoreCollisions:
            return word(0)
        case .maximumLookahead, .currentLookahead, .maximumFrameSize: return word(facts.frameSize - 14)
        case .maximumTotalSize, .transmitBlockSize, .receiveBlockSize: return word(facts.frameSize)
        case .linkSpeed: return word(Int(Self.linkSpeed / 100))
        case .transmitBufferSpace, .receiveBufferSpace: return word(256 << 10)
        case .vendorIdentifier: return word(0x5d1500)
        case .vendorDescription: return Array("Lunavisor\0".utf8)
        case .packetFilter: return word(Int(filter.bits))
        case .driverVersion, .vendorDriverVersion: return [0, 1]
        // Copies look-ahead data, no pended transfers, no loopback, 802.1p and 802.1Q.
        case .macOptions: return word(0x24d)
        case .mediaConnectStatus: return word(facts.isConnected ? 0 : 1)
        case .maximumSendPackets: return word(Int(UInt32.max))
        case .scalingCapabilities: return ReceiveScaling.capabilities(queues: facts.queues)
        case .maximumLinkSpeed:
            value.add(Self.linkSpeed)
            value.add(Self.linkSpeed)
            return value.bytes
        case .linkState:
            value.add([0x80, 1, 40, 0])
            for word: UInt32 in [facts.isConnected ? 1 : 2, 2, 0] { value.add(word) }
            value.add(Self.linkSpeed)
            value.add(Self.linkSpeed)
            for word: UInt32 in [1, 0] { value.add(word) }
            return value.bytes
        case .transmitted: return word(Int(truncatingIfNeeded: counts.sentFrames))
        case .received: return word(Int(truncatingIfNeeded: counts.receivedFrames))
        case .transmitErrors, .transmitDiscards: return word(Int(truncatingIfNeeded: counts.droppedSends))
        case .receiveErrors: return word(0)
        case .receiveNoBuffer: return word(Int(truncatingIfNeeded: counts.starvations))
        case .receiveDiscards: return word(Int(truncatingIfNeeded: counts.droppedReceives))
        case .bytesReceived:
            value.add(counts.receivedBytes)
            return value.bytes
        case .bytesTransmitted:
            value.add(counts.sentBytes)
            return value.bytes
        case .friendlyName:
            // 255 UTF-16 units and a zero.
            for unit in facts.name.utf16.prefix(255) { value.add(unit) }
            value.pad(to: 512)
            return value.bytes
        case .permanentAddress: return facts.address
        case .currentAddress: return filter.address
        case .multicastList: return filter.groups.flatMap { $0 }
        case .maximumListSize: return word(PacketFilter.mostGroups)
        case .offloadEncapsulation: return OffloadChoice.encapsulation()
        case .offloadCurrentConfiguration, .offloadCapabilities:
            return OffloadChoice.capabilities(ndisMajor: facts.ndisMajor, ndisMinor: facts.ndisMinor, coalescing: facts.mayCoalesce)
        case .networkLayerAddresses, .scalingParameters, .configurationParameter, .offloadParameters: return nil
        }
    }

    private mutating func set(_ object: ObjectIdentifier, _ value: NetworkMessageFields, _ facts: Facts) -> UInt32 {
        switch object {
        case .packetFilter:
            guard let bits: UInt32 = value.load(0) else { return RNDIS.invalidLength }
            filter.bits = bits
        case .multicastList:
            guard value.count % 6 == 0 else { return RNDIS.invalidLength }
            guard value.count / 6 <= PacketFilter.mostGroups else { return RNDIS.multicastFull }
            filter.groups = stride(from: 0, to: value.count, by: 6).map {
                Array(value.bytes[value.bytes.startIndex + $0..<value.bytes.startIndex + $0 + 6])
            }
        case .scalingParameters: return scaling.take(value, queues: facts.queues)
        case .offloadParameters: return offloads.take(value, mayCoalesce: facts.mayCoalesce)
        case .configurationParameter: return configure(value)
        // Taken without effect: one look-ahead fits all, and plain Ethernet is all there is.
        case .currentLookahead, .networkLayerAddresses, .offloadEncapsulation: return RNDIS.success
        default: return RNDIS.notSupported
        }
        return RNDIS.success
    }

    /// OID_GEN_RNDIS_CONFIG_PARAMETER: “NetworkAddress” is a new address in twelve hexadecimal digits; other names are taken without effect.
    private mutating func configure(_ value: NetworkMessageFields) -> UInt32 {
        guard let nameOffset: UInt32 = value.load(0), let nameCount: UInt32 = value.load(4), let type: UInt32 = value.load(8),
            let textOffset: UInt32 = value.load(12), let textCount: UInt32 = value.load(16), nameCount <= 255, textCount <= 255,
            let name = text(value, nameOffset, nameCount), let text = text(value, textOffset, textCount)
        else { return RNDIS.invalidData }
        guard name == "NetworkAddress" else { return RNDIS.success }
        let digits = text.compactMap(\.hexDigitValue)
        guard type == 2, digits.count == 12, text.count == 12 else { return RNDIS.invalidData }
        let address = (0..<6).map { UInt8(digits[$0 * 2] << 4 | digits[$0 * 2 + 1]) }
        guard address[0] & 1 == 0, address.contains(where: { $0 != 0 }) else { return RNDIS.invalidData }
        filter.address = address
        return RNDIS.success
    }

    private func text(_ value: NetworkMessageFields, _ offset: UInt32, _ count: UInt32) -> String? {
        guard let part = value.part(Int(offset), count: Int(count)) else { return nil }
        return String(decoding: stride(from: 0, to: Int(count) - 1, by: 2).map { part.load($0) ?? UInt16(0) }, as: UTF16.self)
    }
}
