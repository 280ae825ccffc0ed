import Basics

/// The network virtual service protocol: what guest and adapter say to each other around RNDIS (Linux: hyperv_net.h, netvsc.c).
///
///     INIT (versions, newest first) → NDIS config (MTU, capabilities) → NDIS version → receive buffer → send buffer → RNDIS INITIALIZE …
///     … → SUBCHANNEL → sub-channels are offered and opened → SEND_INDIRECTION_TABLE
enum NVSP {
    static let interfaceType = IntegrationIdentity.guid(0xf861_5163, 0xdf3e, 0x46c5, 0x913f_f2d2_f965_ed0e)

    /// Versions taken, oldest first: 1, 2, 4, 5, 6 and 6.1.
    static let versions: [UInt32] = [2, 0x3_0002, 0x4_0000, 0x5_0000, 0x6_0000, 0x6_0001]
    static let version5: UInt32 = 0x5_0000
    static let version61: UInt32 = 0x6_0001

    static let initialize: UInt32 = 1
    static let initializeComplete: UInt32 = 2
    static let ndisVersion: UInt32 = 100
    static let receiveBuffer: UInt32 = 101
    static let receiveBufferComplete: UInt32 = 102
    static let revokeReceiveBuffer: UInt32 = 103
    static let sendBuffer: UInt32 = 104
    static let sendBufferComplete: UInt32 = 105
    static let revokeSendBuffer: UInt32 = 106
    static let rndisPacket: UInt32 = 107
    static let rndisPacketComplete: UInt32 = 108
    static let ndisConfiguration: UInt32 = 125
    static let switchDataPath: UInt32 = 129
    static let subchannel: UInt32 = 133
    static let sendIndirectionTable: UInt32 = 134

    /// Status words of completions.
    static let success: UInt32 = 1
    static let failure: UInt32 = 2
    static let invalidPacket: UInt32 = 5
    static let busy: UInt32 = 6

    /// Bits of the NDIS configuration's capabilities.
    static let taggedCapability: UInt64 = 1 << 3
    static let coalescingCapability: UInt64 = 1 << 7

    /// Section index that says “no section of the send buffer”.
    static let noSection: UInt32 = 0xffff_ffff
    /// Bytes of a section of the send buffer.
    static let sendSectionSize = 6144
    /// Entries of the send indirection table.
    static let sendTableCount = 16
    /// Sections that a receive buffer is cut into at most; more of a larger buffer stays unused.
    static let mostSections = 32768
    /// Room before a frame in its section: RNDIS header (8 + 36) and up to four elements of per-packet information (16 each), rounded up.
    static let headerRoom = 112
    /// The last bytes of a section stay unused: Windows' netvsc reads over the end of shorter ones (OpenVMM: buffers.rs).
    static let footerRoom = 36

    /// Bytes that messages to the guest are padded to: the union of the version's messages.
    static func messageSize(_ version: UInt32) -> Int { version >= version61 ? 40 : 28 }
}

/// The state of one adapter's NVSP conversation: a message comes in, an answer and actions come out.
struct NVSPSession: Codable, Equatable, Sendable {
    struct ReceiveBuffer: Codable, Equatable, Sendable {
        var gpadl: UInt32
        var set: UInt16
        var sectionSize: Int
        var sectionCount: Int
    }
    struct SendBuffer: Codable, Equatable, Sendable {
        var gpadl: UInt32
        var identifier: UInt16
    }

    /// Negotiated version; 0 before.
    var version: UInt32 = 0
    var ndisMajor: UInt32 = 6
    var ndisMinor: UInt32 = 1
    /// Bytes of the largest frame the guest takes, Ethernet header included.
    var frameSize = 1514
    var capabilities: UInt64 = 0
    var receiveBuffer: ReceiveBuffer?
    var sendBuffer: SendBuffer?
    /// Sub-channels offered.
    var subchannels = 0

    /// What the session must know of its surroundings to answer.
    struct Facts {
        /// Bytes of the largest frame that an adapter may be set to.
        var largestFrame: Int
        /// Channels that the adapter can use, the primary included.
        var queues: Int
        var coalescing: Bool
        /// Bytes of the GPADL; nil: there is none of this id.
        var bufferSize: (UInt32) -> Int?
    }
    enum Action: Equatable {
        case receiveBufferChanged, sendBufferChanged
        case offerSubchannels(Int)
    }
    struct Outcome: Equatable {
        /// For the completion, when one is asked for.
        var answer: [UInt8] = []
        var action: Action?
    }

    /// The guest and the adapter agreed on coalesced segments (version 6.1 and the capability).
    var mayCoalesce: Bool { version >= NVSP.version61 && capabilities & NVSP.coalescingCapability != 0 }

    /// Takes a message that is not an RNDIS packet; nil: the guest broke the protocol.
    mutating func receive(_ message: NetworkMessageFields, _ facts: Facts) -> Outcome? {
        guard let type: UInt32 = message.load(0) else { return nil }
        guard type == NVSP.initialize || version != 0 else { return nil }
        switch type {
        case NVSP.initialize:
            guard let low: UInt32 = message.load(4), let high: UInt32 = message.load(8), version == 0 else { return nil }
            return negotiate(low, high)
        case NVSP.ndisVersion:
            guard let major: UInt32 = message.load(4), let minor: UInt32 = message.load(8) else { return nil }
            (ndisMajor, ndisMinor) = (major, minor)
            return Outcome()
        case NVSP.ndisConfiguration:
            guard let asked: UInt32 = message.load(4), let capabilities: UInt64 = message.load(12) else { return nil }
            frameSize = (82...facts.largestFrame).contains(Int(asked)) ? Int(asked) : min(1514, facts.largestFrame)
            self.capabilities = capabilities
            return Outcome()
        case NVSP.receiveBuffer: return takeReceiveBuffer(message, facts)
        case NVSP.revokeReceiveBuffer:
            guard let set: UInt16 = message.load(4) else { return nil }
            guard receiveBuffer?.set == set else { return Outcome() }
            receiveBuffer = nil
            return Outcome(action: .receiveBufferChanged)
        case NVSP.sendBuffer: return takeSendBuffer(message, facts)
        case NVSP.revokeSendBuffer:
            guard let identifier: UInt16 = message.load(4) else { return nil }
            guard sendBuffer?.identifier == identifier else { return Outcome() }
            sendBuffer = nil
            return Outcome(action: .sendBufferChanged)
        case NVSP.subchannel: return offer(message, facts)
        case NVSP.switchDataPath:
            // There is no other data path; the answer says that the synthetic one stays.
            return Outcome(answer: answer(type) { $0.add(UInt32(0)) })
        default: return nil
        }
    }

    /// The message that tells a guest which channel each sixteenth of its flows is sent on.
    func sendTable(channels: Int) -> [UInt8] {
        var message = NetworkMessageBuilder()
        for word in [NVSP.sendIndirectionTable, UInt32(NVSP.sendTableCount), 12] { message.add(word) }
        for entry in 0..<NVSP.sendTableCount { message.add(UInt32(entry % max(1, channels))) }
        return message.bytes
    }

    private mutating func negotiate(_ low: UInt32, _ high: UInt32) -> Outcome {
        let best = NVSP.versions.last { $0 >= low && $0 <= high }
        version = best ?? 0
        return Outcome(
            answer: answer(NVSP.initializeComplete) {
                // The negotiated version is told only to version 1; later ones know what they asked for.
                $0.add(best == NVSP.versions[0] ? NVSP.versions[0] : UInt32.max)
                $0.add(UInt32(34))
                $0.add(best == nil ? 0 : NVSP.success)
            })
    }

    private mutating func takeReceiveBuffer(_ message: NetworkMessageFields, _ facts: Facts) -> Outcome? {
        guard let gpadl: UInt32 = message.load(4), let set: UInt16 = message.load(8) else { return nil }
        let needed = NVSP.headerRoom + frameSize + 4 + NVSP.footerRoom
        var size = needed <= 2048 ? 2048 : (needed + 4095) & ~4095
        let bytes = facts.bufferSize(gpadl) ?? 0
        // Whole pages hold coalesced segments in fewer pieces; a small buffer rather has more sections.
        if mayCoalesce, facts.coalescing, size < 4096, bytes >= 256 * 4096 { size = 4096 }
        let count = min(bytes / size, NVSP.mostSections)
        guard receiveBuffer == nil, count > 0 else {
            return Outcome(answer: answer(NVSP.receiveBufferComplete) { $0.add(NVSP.failure) })
        }
        receiveBuffer = ReceiveBuffer(gpadl: gpadl, set: set, sectionSize: size, sectionCount: count)
        return Outcome(
            answer: answer(NVSP.receiveBufferComplete) {
                for word in [NVSP.success, 1, 0, UInt32(size), UInt32(count), UInt32(size * count)] { $0.add(word) }
            }, action: .receiveBufferChanged)
    }

    private mutating func takeSendBuffer(_ message: NetworkMessageFields, _ facts: Facts) -> Outcome? {
        guard let gpadl: UInt32 = message.load(4), let identifier: UInt16 = message.load(8) else { return nil }
        guard sendBuffer == nil, let bytes = facts.bufferSize(gpadl), bytes >= NVSP.sendSectionSize else {
            return Outcome(answer: answer(NVSP.sendBufferComplete) { $0.add(NVSP.failure) })
        }
        sendBuffer = SendBuffer(gpadl: gpadl, identifier: identifier)
        return Outcome(
            answer: answer(NVSP.sendBufferComplete) {
                $0.add(NVSP.success)
                $0.add(UInt32(NVSP.sendSectionSize))
            }, action: .sendBufferChanged)
    }

    private mutating func offer(_ message: NetworkMessageFields, _ facts: Facts) -> Outcome? {
        guard let operation: UInt32 = message.load(4), let asked: UInt32 = message.load(8) else { return nil }
        guard operation == 1, subchannels == 0, version >= NVSP.version5, facts.queues > 1 else {
            return Outcome(
                answer: answer(NVSP.subchannel) {
                    $0.add(NVSP.failure)
                    $0.add(UInt32(0))
                })
        }
        subchannels = min(Int(asked), facts.queues - 1)
        return Outcome(
            answer: answer(NVSP.subchannel) {
                $0.add(NVSP.success)
                $0.add(UInt32(subchannels))
            }, action: subchannels > 0 ? .offerSubchannels(subchannels) : nil)
    }

    private func answer(_ type: UInt32, _ fields: (inout NetworkMessageBuilder) -> Void) -> [UInt8] {
        var message = NetworkMessageBuilder()
        message.add(type)
        fields(&message)
        message.pad(to: NVSP.messageSize(version))
        return message.bytes
    }
}
