import Basics
import DeviceModel
import VMBus

/// An offer as the guest was told of it.
package struct GuestOffer: Equatable, Sendable {
    package var type: GUID
    package var instance: GUID
    package var flags: UInt16
    package var mmioMegabytes: UInt16
    package var userDefined: [UInt8]
    package var subIndex: UInt16
    package var relid: UInt32
    package var monitorBits: UInt16
    package var isDedicatedInterrupt: Bool
    package var connection: UInt32
}

/// A guest's VMBus driver over a fake hypervisor, for tests of the bus and of services: everything happens on the test's thread when the
/// test says `run`.
package final class GuestBus {
    package let memory: GuestMemory
    package let clock: ManualClock
    package let transport: FakeTransport
    /// The control plane's.
    package let pump: ManualPump
    package let server: VMBusServer
    package private(set) var pumps: [ManualPump] = []
    /// Messages from the host that no call has taken, in order.
    package var inbox: [[UInt8]] = []
    package private(set) var offers: [GuestOffer] = []
    private var freshOffers: [GuestOffer] = []
    /// Relids that were taken back.
    package private(set) var rescinded: [UInt32] = []
    /// Event flags that the host set, counted by relid.
    package private(set) var interrupts: [UInt32: Int] = [:]
    package private(set) var notes: [String] = []
    package var messageConnection: UInt32 = 1
    /// Runs pumps of the test's own; true: there was something to do.
    package var otherPumps: () -> Bool = { false }
    package private(set) var version: UInt32 = 0
    package var nextPage: UInt64 = 0x10_0000
    package var nextGPADL: UInt32 = 0xE1E10

    package enum Version: UInt32, CaseIterable, Sendable {
        case v40 = 0x4_0000
        case v41 = 0x4_0001
        case v50 = 0x5_0000
        case v51 = 0x5_0001
        case v52 = 0x5_0002
        case v53 = 0x5_0003
    }

    /// Precondition: the host gives the memory.
    package init(processors: Int = 2, megabytes: UInt64 = 16) {
        do { memory = try GuestMemory(size: megabytes << 20) } catch { preconditionFailure("\(error)") }
        clock = ManualClock()
        transport = FakeTransport(processorCount: processors)
        pump = ManualPump(clock: clock)
        server = VMBusServer(memory: memory, transport: transport, pump: pump)
        pumps = [pump]
        // Safety: the pumps run on the test's thread only.
        nonisolated(unsafe) weak var me: GuestBus? = nil
        me = self
        server.onNote = { text in me?.notes.append(text) }
        server.start()
    }

    /// A pump on the bus's clock, run by `run`.
    package func makePump() -> ManualPump {
        let pump = ManualPump(clock: clock)
        pumps.append(pump)
        return pump
    }

    /// Lets all pumps work until nothing is left, and takes the host's messages and flags.
    package func run() {
        var isMoving = true
        while isMoving {
            isMoving = false
            for pump in pumps where pump.run() { isMoving = true }
            if otherPumps() { isMoving = true }
            if takeMessages() { isMoving = true }
        }
        for signal in transport.signals { interrupts[UInt32(signal.flag), default: 0] += 1 }
        transport.signals.removeAll()
    }

    /// Time goes on; timers fire one after another at their own time.
    package func advance(milliseconds: UInt64) {
        let end = clock.nanoseconds + milliseconds * 1_000_000
        run()
        while let next = pumps.compactMap(\.nextDeadline).min(), next <= end {
            clock.nanoseconds = max(clock.nanoseconds, next)
            run()
        }
        clock.nanoseconds = end
        run()
    }

    @discardableResult
    private func takeMessages() -> Bool {
        let new = transport.messages
        transport.messages.removeAll()
        for message in new {
            switch GuestRing.integer(message.payload, at: 0, UInt32.self) {
            case 1:
                let offer = Self.offer(message.payload)
                offers.append(offer)
                freshOffers.append(offer)
            case 2: rescinded.append(GuestRing.integer(message.payload, at: 8, UInt32.self))
            default: inbox.append(message.payload)
            }
        }
        // The end of a message lets a sender that found the slot full try again.
        return !new.isEmpty
    }

    private static func offer(_ bytes: [UInt8]) -> GuestOffer {
        precondition(bytes.count == 196, "an offer has 196 bytes")
        return GuestOffer(
            type: GUID(bytes: Array(bytes[8..<24])), instance: GUID(bytes: Array(bytes[24..<40])),
            flags: GuestRing.integer(bytes, at: 56, UInt16.self), mmioMegabytes: GuestRing.integer(bytes, at: 58, UInt16.self),
            userDefined: Array(bytes[60..<180]), subIndex: GuestRing.integer(bytes, at: 180, UInt16.self),
            relid: GuestRing.integer(bytes, at: 184, UInt32.self), monitorBits: GuestRing.integer(bytes, at: 188, UInt16.self),
            isDedicatedInterrupt: GuestRing.integer(bytes, at: 190, UInt16.self) & 1 != 0,
            connection: GuestRing.integer(bytes, at: 192, UInt32.self))
    }

    // MARK: messages

    /// A message of a type and 32-bit words.
    package static func message(_ type: UInt32, _ words: UInt32...) -> [UInt8] {
        GuestRing.little(type) + GuestRing.little(UInt32(0)) + words.flatMap { GuestRing.little($0) }
    }

    /// Posts a message and lets the host work. false: the hypervisor refused it.
    @discardableResult
    package func post(_ message: [UInt8], connection: UInt32? = nil) -> Bool {
        let isTaken = transport.guestPosts(message, connection: connection ?? messageConnection)
        run()
        return isTaken
    }

    /// Takes the first waiting message of a type; nil: none.
    package func take(_ type: UInt32) -> [UInt8]? {
        guard let index = inbox.firstIndex(where: { GuestRing.integer($0, at: 0, UInt32.self) == type }) else { return nil }
        return inbox.remove(at: index)
    }

    /// Word `index` behind a message's header.
    package static func word(_ message: [UInt8], _ index: Int) -> UInt32 { GuestRing.integer(message, at: 8 + index * 4, UInt32.self) }

    package static func contact(_ version: UInt32, processor: UInt32 = 0, source: UInt8 = 2, trustLevel: UInt8 = 0) -> [UInt8] {
        var bytes = message(14, version, processor)
        bytes += version >= 0x5_0000 ? [source, trustLevel, 0, 0, 0, 0, 0, 0] : GuestRing.little(UInt64(0x5000))
        return bytes + GuestRing.little(UInt64(0x6000)) + GuestRing.little(UInt64(0x7000))
    }

    /// Negotiates one version; false: refused.
    package func connect(version: Version = .v53) -> Bool { connect(rawVersion: version.rawValue) }

    package func connect(rawVersion: UInt32) -> Bool {
        post(Self.contact(rawVersion), connection: rawVersion >= 0x5_0000 ? 4 : 1)
        guard let reply = take(15), reply.count == 16, reply[8] == 1 else { return false }
        version = rawVersion
        messageConnection = rawVersion >= 0x5_0000 ? Self.word(reply, 1) : 1
        return true
    }

    /// Asks for the offers and returns all that came until the host says that these were all.
    package func requestOffers() -> [GuestOffer] {
        offers.removeAll()
        freshOffers.removeAll()
        post(Self.message(3))
        for _ in 0..<10_000 where take(4) == nil { advance(milliseconds: 1) }
        freshOffers.removeAll()
        return offers
    }

    /// Offers since the last call: of sub-channels, of hot-added devices.
    package func newOffers() -> [GuestOffer] {
        run()
        defer { freshOffers.removeAll() }
        return freshOffers
    }

    // MARK: memory

    /// Guest-physical address of `pages` zeroed pages.
    package func allocate(pages: Int) -> UInt64 {
        defer { nextPage += UInt64(pages) * 4096 }
        precondition(memory.contains(nextPage, count: UInt64(pages) * 4096), "the test's guest has too little memory")
        _ = memory.write(nextPage, [UInt8](repeating: 0, count: pages * 4096))
        return nextPage
    }

    /// Sends a GPADL's header and bodies. `pages`: guest-physical addresses.
    package func sendGPADL(_ id: UInt32, relid: UInt32, pages: [UInt64], offset: Int = 0, count: Int? = nil) {
        var header = Self.message(8, relid, id) + GuestRing.little(UInt16(8 + pages.count * 8)) + GuestRing.little(UInt16(1))
        header += GuestRing.little(UInt32(count ?? pages.count * 4096)) + GuestRing.little(UInt32(offset))
        for page in pages.prefix(26) { header += GuestRing.little(page >> 12) }
        post(header)
        var position = 26
        while position < pages.count {
            var body = Self.message(9, 0, id)
            for page in pages[position..<min(position + 28, pages.count)] { body += GuestRing.little(page >> 12) }
            post(body)
            position += 28
        }
    }

    /// Lends pages to the host; nil: refused.
    package func establish(gpadlOn relid: UInt32, pages: [UInt64], offset: Int = 0, count: Int? = nil) -> UInt32? {
        let id = nextGPADL
        nextGPADL += 1
        sendGPADL(id, relid: relid, pages: pages, offset: offset, count: count)
        guard let reply = take(10), Self.word(reply, 0) == relid, Self.word(reply, 1) == id, Self.word(reply, 2) == 0 else { return nil }
        return id
    }

    /// Lends `pages` pages from `address` on.
    package func establish(gpadlOn channel: GuestChannel, address: UInt64, pages: Int) -> UInt32? {
        establish(gpadlOn: channel.offer.relid, pages: (0..<pages).map { address + UInt64($0) * 4096 })
    }

    /// Takes pages back; true: the host answered.
    package func tearDown(gpadl: UInt32, relid: UInt32) -> Bool {
        post(Self.message(11, relid, gpadl))
        guard let reply = take(12) else { return false }
        return Self.word(reply, 0) == gpadl
    }

    // MARK: channels

    /// Opens a channel with rings of so many pages each (with their headers); nil: refused. `scattered`: pages in falling order.
    package func open(
        _ offer: GuestOffer, sendPages: Int = 4, receivePages: Int = 4, userData: [UInt8] = [], processor: UInt32 = 0,
        scattered: Bool = false
    ) -> GuestChannel? {
        let address = allocate(pages: sendPages + receivePages)
        var pages = (0..<sendPages + receivePages).map { address + UInt64($0) * 4096 }
        if scattered { pages.reverse() }
        let outbound = GuestRing(memory: memory, pages: Array(pages[..<sendPages]))
        let inbound = GuestRing(memory: memory, pages: Array(pages[sendPages...]))
        guard let gpadl = establish(gpadlOn: offer.relid, pages: pages) else { return nil }
        let open = Self.message(5, offer.relid, offer.relid, gpadl, processor, UInt32(sendPages))
        post(open + userData + [UInt8](repeating: 0, count: 120 - userData.count))
        guard let reply = take(6), Self.word(reply, 0) == offer.relid, Self.word(reply, 2) == 0 else { return nil }
        return GuestChannel(offer: offer, gpadl: gpadl, outbound: outbound, inbound: inbound, bus: self)
    }

    /// Closes a channel and takes its rings back; true: the host answered.
    @discardableResult
    package func close(_ channel: GuestChannel) -> Bool {
        post(Self.message(7, channel.offer.relid))
        return tearDown(gpadl: channel.gpadl, relid: channel.offer.relid)
    }

    /// Lets go of a relid that was taken back.
    package func release(_ relid: UInt32) { post(Self.message(13, relid)) }

    /// Ends the connection; true: the host answered.
    package func unload() -> Bool {
        post(Self.message(16))
        return take(17) != nil
    }

    // MARK: save and restore

    /// The bus's state and then `units`', as the machine saves them.
    package func saved(_ units: [any StatefulUnit] = []) throws -> [UnitState] {
        server.settle()
        return try saveUnits([server as any StatefulUnit] + units)
    }

    /// A machine like `other`, with its memory and no connection yet: add the same devices, then `restore`.
    package convenience init(copying other: GuestBus) {
        self.init(processors: other.transport.processorCount, megabytes: other.memory.size >> 20)
        for page in stride(from: UInt64(0), to: min(other.memory.size, GuestMemory.lowLimit), by: 65536) {
            if let bytes = other.memory.read(page, count: 65536), bytes.contains(where: { $0 != 0 }) { _ = memory.write(page, bytes) }
        }
        clock.nanoseconds = other.clock.nanoseconds
        (nextPage, nextGPADL, version, messageConnection) = (other.nextPage, other.nextGPADL, other.version, other.messageConnection)
        inbox = other.inbox
        transport.messages = other.transport.messages
        transport.signals = other.transport.signals
    }

    package func restore(_ saved: [UnitState], _ units: [any StatefulUnit] = []) throws {
        try restoreUnits([server as any StatefulUnit] + units, from: saved)
    }

    /// The same channel in this machine's memory.
    package func channel(copying other: GuestChannel) -> GuestChannel {
        GuestChannel(
            offer: other.offer, gpadl: other.gpadl, outbound: GuestRing(copying: other.outbound, memory: memory),
            inbound: GuestRing(copying: other.inbound, memory: memory), bus: self)
    }
}
