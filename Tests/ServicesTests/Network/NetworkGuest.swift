import Basics
import DeviceModel
import Testing
import VMBus
import VMBusTestSupport

/// The guest's side of the synthetic network adapter: does what Linux 6.1's netvsc does, and checks what that checks.
final class NetworkGuest {
    struct Received: Equatable {
        var bytes: [UInt8]
        var channel: Int
        var checksum: UInt32?
        var tag: UInt32?
        var hash: UInt32?
        /// RNDIS messages that it came in.
        var pieces = 1
    }

    static let interfaceType = GUID("f8615163-df3e-46c5-913f-f2d2f965ed0e")

    let bus: GuestBus
    var channels: [GuestChannel] = []
    var version: UInt32 = 0
    var receiveAddress: UInt64 = 0
    var receivePages = 0
    var sectionSize = 0
    var sectionCount = 0
    var receiveGPADL: UInt32 = 0
    var sendAddress: UInt64 = 0
    var sendPages = 0
    /// Answers to control messages, link changes and frames that arrived.
    var responses: [[UInt8]] = []
    var links: [UInt32] = []
    var frames: [Received] = []
    var sendTable: [UInt32] = []
    /// Transactions that the adapter completed, with their status.
    var completed: [(transaction: UInt64, status: UInt32)] = []
    /// What came in band or as completion of a request.
    var answers: [[UInt8]] = []
    /// false: received packets are kept, and their transactions put into `kept`.
    var givesBack = true
    var kept: [(channel: Int, transaction: UInt64)] = []
    private var pieces: [UInt8] = []
    private var piecesCount = 0
    private var first: Received?
    private var requests: UInt32 = 0
    private let page: UInt64

    init(_ bus: GuestBus) {
        self.bus = bus
        page = bus.allocate(pages: 2)
    }

    static func little(_ words: [UInt32]) -> [UInt8] { words.flatMap { word in (0..<4).map { UInt8(word >> ($0 * 8) & 255) } } }
    static func word(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << ($1 * 8) }
    }

    /// The whole of the driver's start. `coalescing`: says yes to coalesced segments.
    func start(
        versions: [UInt32] = [0x6_0001, 0x6_0000, 0x5_0000, 0x4_0000, 0x3_0002, 2], mtu: Int = 1500, receivePages: Int = 256,
        sendPages: Int = 24, queues: Int = 1, coalescing: Bool = false, ringPages: Int = 16
    ) throws {
        try #require(bus.connect())
        let offer = try #require(bus.requestOffers().first { $0.type == Self.interfaceType })
        channels = [try #require(bus.open(offer, sendPages: ringPages, receivePages: ringPages))]
        for candidate in versions where version == 0 {
            let reply = try #require(exchange(message([1, candidate, candidate])))
            #expect(Self.word(reply, 0) == 2)
            if Self.word(reply, 12) == 1 { version = candidate }
        }
        try #require(version != 0)
        if version > 2 {
            let capabilities: UInt32 = 8 | (version >= 0x5_0000 ? 0x24 : 0) | (version >= 0x6_0001 ? 0x80 : 0)
            #expect(channels[0].send(message([125, UInt32(mtu + 14), 0, capabilities, 0])))
        }
        #expect(channels[0].send(message([100, 6, version >= 0x5_0000 ? 30 : 1])))
        try lendBuffers(receivePages: receivePages, sendPages: sendPages)

        let initialised = try #require(request(2, [1, 0, 0x4000]))
        #expect(Self.word(initialised, 12) == 0)
        #expect(Self.word(initialised, 32) == 8)
        if queues > 1 { try openSubchannels(queues) }
        #expect(set(0xfc01_020c, offloads(coalescing: coalescing)) == 0)
        #expect(set(0x0001_010e, Self.little([0xd])) == 0)
    }

    func lendBuffers(receivePages: Int, sendPages: Int) throws {
        (self.receivePages, self.sendPages) = (receivePages, sendPages)
        receiveAddress = bus.allocate(pages: receivePages)
        receiveGPADL = try #require(bus.establish(gpadlOn: channels[0], address: receiveAddress, pages: receivePages))
        let reply = try #require(exchange(message([101, receiveGPADL, 0xcafe])))
        #expect(Self.word(reply, 0) == 102)
        #expect(Self.word(reply, 4) == 1)
        #expect(Self.word(reply, 8) == 1)
        (sectionSize, sectionCount) = (Int(Self.word(reply, 16)), Int(Self.word(reply, 20)))
        #expect(Self.word(reply, 12) == 0)
        #expect(sectionSize >= 68 && sectionSize * sectionCount <= receivePages * 4096)
        sendAddress = bus.allocate(pages: sendPages)
        let send = try #require(bus.establish(gpadlOn: channels[0], address: sendAddress, pages: sendPages))
        let answer = try #require(exchange(message([104, send, 0])))
        #expect(Self.word(answer, 0) == 105)
        #expect(Self.word(answer, 4) == 1)
        #expect(Self.word(answer, 8) == 6144)
    }

    func openSubchannels(_ queues: Int) throws {
        let reply = try #require(exchange(message([133, 1, UInt32(queues - 1)])))
        #expect(Self.word(reply, 0) == 133 && Self.word(reply, 4) == 1)
        let count = Int(Self.word(reply, 8))
        let offers = bus.newOffers().filter { $0.subIndex > 0 }
        try #require(offers.count == count)
        for offer in offers.sorted(by: { $0.subIndex < $1.subIndex }) {
            channels.append(try #require(bus.open(offer, sendPages: 8, receivePages: 8, processor: 1)))
        }
        bus.run()
        poll()
        // The hash's key, and a table that goes round.
        let table = (0..<128).map { UInt32($0 % channels.count) }
        let key = Self.scalingKey
        let head = Self.words(hashes: 0x1701)
        #expect(set(0x0001_0204, head + Self.little(table) + key) == 0)
    }

    static let scalingKey: [UInt8] = [
        0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b,
        0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
    ]

    private static func words(hashes: UInt32) -> [UInt8] {
        [0x89, 2, 40, 0, 0, 0, 0, 0] + little([hashes, 512, 40, 40, 552, 0, 0, 0])
    }

    func offloads(coalescing: Bool) -> [UInt8] {
        let choice: UInt8 = coalescing ? 2 : 1
        return [0x80, 3, 28, 0, 1, 4, 4, 4, 4, 0, 0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, choice, choice, 0, 0, 0, 0]
    }

    // MARK: NVSP

    func message(_ words: [UInt32]) -> [UInt8] {
        let bytes = Self.little(words)
        return bytes + [UInt8](repeating: 0, count: 40 - bytes.count)
    }

    /// Sends in band and gives what the adapter completes it with.
    func exchange(_ message: [UInt8]) -> [UInt8]? {
        answers = []
        guard channels[0].send(message, transaction: 0x77, completionRequested: true) else { return nil }
        bus.run()
        poll()
        return answers.first
    }

    // MARK: RNDIS

    /// A control message and its answer. `words`: what follows the request's number.
    func request(_ type: UInt32, _ words: [UInt32], _ data: [UInt8] = []) -> [UInt8]? {
        requests += 1
        let body = Self.little([requests] + words) + data
        return control(Self.little([type, UInt32(8 + body.count)]) + body)
    }

    func control(_ message: [UInt8]) -> [UInt8]? {
        responses = []
        _ = bus.memory.write(page, message)
        #expect(channels[0].sendDirect(self.message([107, 1, 0xffff_ffff, 0]), buffers: [(page, message.count)], transaction: 0x99))
        bus.run()
        poll()
        return responses.first
    }

    func query(_ object: UInt32, _ value: [UInt8] = []) -> [UInt8]? {
        guard let answer = request(4, [object, UInt32(value.count), 20, 0], value), Self.word(answer, 12) == 0 else { return nil }
        let (count, offset) = (Int(Self.word(answer, 16)), Int(Self.word(answer, 20)) + 8)
        #expect(offset + count <= answer.count)
        return Array(answer[offset..<offset + count])
    }

    func set(_ object: UInt32, _ value: [UInt8]) -> UInt32? {
        request(5, [object, UInt32(value.count), 20, 0], value).map { Self.word($0, 12) }
    }

    // MARK: Frames

    /// An RNDIS packet message: its head (with per-packet information), then the frame.
    func packet(_ frame: [UInt8], _ information: [(kind: UInt32, value: UInt32)] = [], pad: Int = 0) -> (head: [UInt8], frame: [UInt8]) {
        let size = UInt32(information.count * 16)
        var head = Self.little([
            1, 44 + size + UInt32(frame.count + pad), 36 + size, UInt32(frame.count), 0, 0, 0, size > 0 ? 36 : 0, size, 0, 0,
        ])
        for element in information { head += Self.little([16, element.kind, 12, element.value]) }
        return (head, frame + [UInt8](repeating: 0, count: pad))
    }

    /// Sends messages in a section of the send buffer, all bytes copied.
    func sendCopied(_ messages: [(head: [UInt8], frame: [UInt8])], section: Int = 0, transaction: UInt64 = 1, channel: Int = 0) -> Bool {
        let bytes = messages.flatMap { $0.head + $0.frame }
        precondition(bytes.count <= 6144)
        _ = bus.memory.write(sendAddress + UInt64(section * 6144), bytes)
        let nvsp = message([107, 0, UInt32(section), UInt32(bytes.count)])
        return channels[channel].send(nvsp, transaction: transaction, completionRequested: true)
    }

    /// Sends one message from pages of its own; `partial`: its head in a section of the send buffer.
    func sendDirect(_ sent: (head: [UInt8], frame: [UInt8]), transaction: UInt64 = 1, partial: Bool = false, channel: Int = 0) -> Bool {
        let bytes = partial ? sent.frame : sent.head + sent.frame
        let address = bus.allocate(pages: (bytes.count + 100) / 4096 + 1) + 100
        _ = bus.memory.write(address, bytes)
        var buffers: [(address: UInt64, count: Int)] = []
        var (position, left) = (address, bytes.count)
        while left > 0 {
            let count = min(left, 4096 - Int(position & 4095))
            buffers.append((position, count))
            (position, left) = (position + UInt64(count), left - count)
        }
        if partial { _ = bus.memory.write(sendAddress, sent.head) }
        let nvsp = message(partial ? [107, 0, 0, UInt32(sent.head.count)] : [107, 0, 0xffff_ffff, 0])
        return channels[channel].sendDirect(nvsp, buffers: buffers, transaction: transaction)
    }

    /// Takes everything from all rings.
    func poll() {
        for (index, channel) in channels.enumerated() {
            for packet in channel.receiveAll() { take(packet, index, channel) }
        }
        bus.run()
    }

    private func take(_ packet: GuestPacket, _ index: Int, _ channel: GuestChannel) {
        switch packet.kind {
        case .completion:
            if packet.payload.count >= 8, Self.word(packet.payload, 0) == 108 {
                // Control messages have a transaction of their own.
                if packet.transaction != 0x99 { completed.append((packet.transaction, Self.word(packet.payload, 4))) }
            } else {
                answers.append(packet.payload)
            }
        case .transferPages:
            #expect(packet.transferSet == 0xcafe)
            #expect(Self.word(packet.payload, 0) == 107)
            for (position, range) in packet.transferRanges.enumerated() {
                #expect(Int(range.count) <= sectionSize && Int(range.offset) + Int(range.count) <= receivePages * 4096)
                guard let bytes = bus.memory.read(receiveAddress + UInt64(range.offset), count: Int(range.count)) else { continue }
                takeMessage(bytes, index, isLast: position == packet.transferRanges.count - 1)
            }
            if givesBack {
                #expect(channel.complete(packet.transaction, Self.little([108, 1])))
            } else {
                kept.append((index, packet.transaction))
            }
        case .inBand:
            if Self.word(packet.payload, 0) == 134 {
                let offset = Int(Self.word(packet.payload, 8))
                sendTable = (0..<Int(Self.word(packet.payload, 4))).map { Self.word(packet.payload, offset + $0 * 4) }
            } else {
                answers.append(packet.payload)
            }
        default: Issue.record("a packet of kind \(packet.kind)")
        }
    }

    private func takeMessage(_ bytes: [UInt8], _ channel: Int, isLast: Bool) {
        #expect(bytes.count >= 8 && Int(Self.word(bytes, 4)) <= bytes.count)
        switch Self.word(bytes, 0) {
        case 1: takePacket(bytes, channel, isLast: isLast)
        case 7: links.append(Self.word(bytes, 8))
        default: responses.append(bytes)
        }
    }

    private func takePacket(_ bytes: [UInt8], _ channel: Int, isLast: Bool) {
        let (offset, count) = (Int(Self.word(bytes, 8)) + 8, Int(Self.word(bytes, 12)))
        guard offset + count <= bytes.count else {
            Issue.record("a frame beyond its message")
            return
        }
        var received = Received(bytes: Array(bytes[offset..<offset + count]), channel: channel)
        var position = Int(Self.word(bytes, 28)) + 8
        var left = Self.word(bytes, 28) == 0 ? 0 : Int(Self.word(bytes, 32))
        var flags: UInt32 = 0
        while left > 0 {
            let (size, kind) = (Int(Self.word(bytes, position)), Self.word(bytes, position + 4))
            guard size >= 16, size <= left else {
                Issue.record("broken per-packet information")
                return
            }
            let value = Self.word(bytes, position + Int(Self.word(bytes, position + 8)))
            switch kind {
            case 0: received.checksum = value
            case 6: received.tag = value
            case 8: received.hash = value
            case 0x8000_0001: flags = value >> 8 & 255
            default: Issue.record("information of kind \(kind)")
            }
            (position, left) = (position + size, left - size)
        }
        guard flags & 1 != 0 else { return frames.append(received) }
        if flags & 2 != 0 {
            (first, pieces, piecesCount) = (received, [], 0)
        }
        pieces += received.bytes
        piecesCount += 1
        #expect(flags & 4 != 0 || !isLast, "a coalesced frame goes on beyond its packet")
        if flags & 4 != 0, var whole = first {
            (whole.bytes, whole.pieces) = (pieces, piecesCount)
            frames.append(whole)
        }
    }
}
