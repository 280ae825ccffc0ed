import Basics
import DeviceModel
import Storage
import VMBus

/// A synthetic SCSI controller: 64 locations (LUNs of target 0) for disks and DVD drives behind one VMBus device.
///
/// Requests are carried out inside the pump, one after another, with the guest's own pages as buffers, or several at a time where the disk
/// takes them (`QueuedDisk`), and answered before the pump goes on. So nothing is in flight while it stands still, except what its state
/// tells: requests that a full host disk holds up, and replies that found no room. Where the pump may not wait (`ServicePump.mayWait`), a request that would have to is repeated where it may; no other is taken meanwhile.
///
///     negotiation  BEGIN → QUERY_PROTOCOL_VERSION → QUERY_PROPERTIES → END → ready → CREATE_SUB_CHANNELS
///     a request    ring → vm_srb → ScsiExchange → ScsiTarget.execute → Disk → reply with status and sense
///
/// Departures from Hyper-V: no fibre channel, no persistent reservations.
package final class StorageController: VMBusDevice, StatefulUnit, @unchecked Sendable {
    // Safety: everything mutable is used in the pump only, or while the pump stands still.
    package let offer: ChannelOffer
    package let pump: any ServicePump
    package static let locations = 0..<64
    /// Sub-channels offered at most: one pump serves them all, they spread the guest's interrupts.
    static let maximumSubChannels = 7

    /// The host has no room for a write; the request is kept and no further one is taken until `resumeRequests`. Called in the pump:
    /// it must not wait for the pump. May come again when the repeated request finds no room either.
    package var onDiskFull: ((_ location: Int, _ error: DiskError) -> Void)?
    /// A line for the machine's events: a disk of the host fails. Called in the pump, at most a few times a minute.
    package var onTrouble: ((_ text: String) -> Void)?

    /// How far the guest got with the protocol.
    enum Phase: String, Codable, Sendable { case begin, version, properties, end, ready }
    var phase = Phase.begin
    var version: UInt16 = 0
    var offeredSubChannels = 0
    /// Notices of changed locations that the guest has not been sent.
    var notices: [UInt32] = []
    var held: HeldRequest?
    /// Held up behind it.
    var heldToo: [HeldRequest] = []
    /// By tag. Empty whenever the pump goes on to anything else.
    var underway: [UInt64: UnderwayRequest] = [:]
    /// Requests of disks that take several at a time are begun beside each other. Exact mode answers in the order of asking.
    package var queuesRequests = true
    /// Never there while the pump stands still: a posted body carries it out.
    var postponed: PostponedRequest?
    private(set) var host: (any VMBusDeviceHost)?
    /// By channel index.
    var links: [ChannelLink?] = []
    var stands: [(any ScsiTarget)?] = Array(repeating: nil, count: locations.count)

    // Room to work in, the same for every request.
    var exchange: ScsiExchange?
    var packet = ReceivedPacket()
    var reply = [UInt8](repeating: 0, count: StoragePacket.length)
    private var troubles = TroubleBudget()

    /// Virtual processors that share a channel.
    package var processorsPerChannel = 1

    package init(instance: GUID, pump: any ServicePump) {
        offer = ChannelOffer(interfaceType: StoragePacket.interfaceType, interfaceInstance: instance)
        self.pump = pump
    }

    /// An open channel and the reply that found no room in its ring.
    final class ChannelLink {
        let channel: any ServiceChannel
        /// In the order in which they are to be sent.
        var unsent: [UnsentReply] = []
        init(_ channel: any ServiceChannel) { self.channel = channel }
    }

    struct UnsentReply: Codable, Equatable, Sendable {
        var transaction: UInt64
        var bytes: [UInt8]
    }

    /// A request that waits for room on the host: all that is needed to carry it out again.
    struct HeldRequest: Codable, Equatable, Sendable {
        var channel: Int
        var transaction: UInt64
        var wantsReply: Bool
        var bytes: [UInt8]
        var ranges: [GuestRange]
    }

    /// A request in `reply` and the exchange, to be repeated where the pump may wait.
    struct PostponedRequest {
        var channel: Int
        var transaction: UInt64
        var wantsReply: Bool
    }

    // MARK: The bus

    package func attached(to host: any VMBusDeviceHost) {
        self.host = host
        exchange = ScsiExchange(memory: host.memory)
    }

    package func opened(_ channel: any ServiceChannel, userData: [UInt8]) -> Bool {
        guard channel.index <= offeredSubChannels else { return false }
        if channel.index == 0 { startOver() }
        link(channel)
        return true
    }

    package func reopened(_ channel: any ServiceChannel) { link(channel) }

    package func closed(_ channel: any ServiceChannel) {
        if channel.index < links.count { links[channel.index] = nil }
        heldToo.removeAll { $0.channel == channel.index }
        if held?.channel == channel.index { held = heldToo.isEmpty ? nil : heldToo.removeFirst() }
        if postponed?.channel == channel.index { postponed = nil }
        if channel.index == 0 { startOver() }
    }

    package func ringChanged(_ channel: any ServiceChannel) { serve(channel.index) }

    private func link(_ channel: any ServiceChannel) {
        while links.count <= channel.index { links.append(nil) }
        links[channel.index] = ChannelLink(channel)
    }

    /// The protocol from its beginning, as after a reset.
    private func startOver() {
        (phase, version, offeredSubChannels, notices, held, heldToo, postponed) = (.begin, 0, 0, [], nil, [], nil)
    }

    // MARK: Service

    /// Requests taken from one channel before its completions are published, and before the others have their turn.
    private static let batch = 16
    private static let turn = 64
    private static let mostUnderway = 48
    /// The same where the pump may not wait.
    private static let shortTurn = 8

    /// Carries out what stands in a channel's ring.
    func serve(_ index: Int) {
        guard index < links.count, let link = links[index] else { return }
        sendNotices()
        guard sendUnsent(link) else { return }
        let turn = pump.mayWait ? Self.turn : Self.shortTurn
        var taken = 0
        defer { drainUnderway() }
        while held == nil, postponed == nil, link.unsent.isEmpty {
            guard link.channel.receive(into: &packet) else {
                // What the guest asks for when it has some answers goes beside what is still under way.
                guard !underway.isEmpty else { return }
                collectUnderway()
                continue
            }
            handle(link)
            if underway.count >= Self.mostUnderway { collectUnderway() }
            taken += 1
            if taken % Self.batch == 0 { link.channel.flush() }
            if taken == turn {
                pump.post { [weak self] in self?.serve(index) }
                return
            }
        }
    }

    func serveAll() {
        for index in links.indices { serve(index) }
    }

    /// Sends the first `StoragePacket.length` bytes of `reply` as the completion of `transaction`, or keeps them until there is room.
    func sendReply(_ link: ChannelLink, transaction: UInt64) {
        let sent =
            link.unsent.isEmpty
            && reply.withUnsafeBytes {
                link.channel.send(
                    .completion, transaction: transaction, completionRequested: false, payload: $0,
                    UnsafeRawBufferPointer(start: nil, count: 0))
            }
        if !sent { link.unsent.append(UnsentReply(transaction: transaction, bytes: reply)) }
    }

    /// True when nothing waits for room any more.
    private func sendUnsent(_ link: ChannelLink) -> Bool {
        while let unsent = link.unsent.first {
            guard link.channel.complete(unsent.transaction, unsent.bytes) else { return false }
            link.unsent.removeFirst()
        }
        return true
    }

    /// Tells the guest of changed locations; it looks at all of them then (Linux: `storvsc_host_scan`).
    func sendNotices() {
        guard !notices.isEmpty, phase == .ready, let link = links.first ?? nil else { return }
        while let operation = notices.first {
            var bytes = [UInt8](repeating: 0, count: StoragePacket.length)
            bytes.setLittleEndian(operation, at: StoragePacket.operationOffset)
            guard link.channel.send(bytes) else { return }
            notices.removeFirst()
        }
    }

    /// Names a failure of the host in the machine's events, unless there were many of late.
    func report(_ error: DiskError, location: Int) {
        guard let text = troubles.line(at: pump.clock.nanoseconds, "The disk at location \(location): \(error.message)") else { return }
        onTrouble?(text)
    }
}

/// Bounds how many lines of trouble are told: at most five a minute.
struct TroubleBudget {
    private static let window: UInt64 = 60_000_000_000
    private static let limit = 5
    private var start: UInt64 = 0
    private var told = 0
    private var suppressed = 0

    /// The line to tell at partition time `now`; nil: none.
    mutating func line(at now: UInt64, _ text: @autoclosure () -> String) -> String? {
        if told == 0 || now &- start >= Self.window { (start, told) = (now, 0) }
        guard told < Self.limit else {
            suppressed += 1
            return nil
        }
        told += 1
        defer { suppressed = 0 }
        return suppressed == 0 ? text() : "\(text()) (\(suppressed) more failures since the last line)"
    }
}
