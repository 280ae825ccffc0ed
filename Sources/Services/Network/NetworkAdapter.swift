import Basics
import DeviceModel
import Glibc
import Network
import VMBus

/// The synthetic network adapter: NVSP and RNDIS towards the guest's netvsc, frames towards a port of a virtual switch.
///
///     guest's ring ─ NVSP ─ RNDIS packet ─ per-packet information → FrameHeader ┐
///     guest's send buffer or pages ──────────────────────────────── segments ───┴→ NetworkPort.send
///     NetworkPort.receive → filter → channel (receive-side scaling) → section of the receive buffer → transfer-page packet → guest
///
/// Frames are copied once in each direction: from guest memory into the switch's ring, and from there into the guest's receive buffer.
/// All of it runs in the adapter's pump. What comes from outside comes as the port's answers.
package final class NetworkAdapter: VMBusDevice, @unchecked Sendable {
    // Safety: everything below is touched in the pump's context only (or while the pump stands still).
    package let settings: NetworkAdapterSettings
    package let pump: any ServicePump
    package let offer: ChannelOffer
    weak var host: (any VMBusDeviceHost)?
    var memory: GuestMemory?

    var port: (any NetworkPort)?
    /// The descriptor that is watched: the port's.
    private var watched: Int32?
    /// The cable is in.
    var isLinkEnabled = true
    /// The link state that the guest knows.
    var toldConnected = false

    var session = NVSPSession()
    var control: RNDISControl
    var sections: ReceiveSections?
    var sendBuffer: GuestBuffer?
    /// By channel index; the primary is 0.
    var queues: [NetworkQueue?] = []
    /// Control messages for the guest that wait for a section or for room.
    var controlMessages: [[UInt8]] = []
    /// The guest is still to be told its send indirection table.
    var owesSendTable = false
    /// Derived from the guest's key.
    var toeplitz: ToeplitzHash?
    /// Counters of channels that were closed.
    var pastStatistics = NetworkAdapterStatistics.Queue()

    /// Segments of the port's oldest frame that were given to the guest already: it is cut as sections become free.
    var segmentsDelivered = 0
    /// The identity of the next coalesced frame.
    var frameIdentity: UInt16 = 0
    private var isContinuing = false
    /// Bytes of frames that went either way, and how many of late: those of earlier turns count three quarters of what they did in each.
    var moved = 0
    private var movedOfLate = 0
    /// Ends the waiting of late answers.
    private(set) var lateTimer: (any PartitionTimer)?
    var isLateTimerArmed = false
    /// A machine that goes on finds its switch in a moment; until then its guest is not told that the link went. nil: it is told at once.
    private var settledAt: UInt64?
    private var settlingTimer: (any PartitionTimer)?
    /// As long as a switch may be gone unseen.
    private static let settling: UInt64 = 3_000_000_000

    // Room used again for each packet.
    var rangesScratch: [GuestRange] = []
    var guestSegments: [iovec] = []
    var frameSegments: [iovec] = []
    let scratch = FrameScratch()

    package init(_ settings: NetworkAdapterSettings, pump: any ServicePump, port: (any NetworkPort)? = nil) {
        (self.settings, self.pump, self.port) = (settings, pump, port)
        offer = ChannelOffer(interfaceType: NVSP.interfaceType, interfaceInstance: settings.instance)
        control = RNDISControl(address: settings.address)
        lateTimer = pump.makeTimer(name: unitName + ".late") { [weak self] in self?.lateAnswersAreDue() }
        settlingTimer = pump.makeTimer(name: unitName + ".link") { [weak self] in self?.run() }
    }

    deinit {
        if let watched { pump.watch(watched, events: nil) {} }
    }

    // MARK: For the worker

    /// Connects the adapter to a port, takes it off (nil) or moves it. The guest sees its link go, come, or change. Not from the pump.
    package func setPort(_ port: (any NetworkPort)?) {
        pump.perform {
            let moved = self.port != nil && port != nil
            // The next port's descriptor may have the same number.
            unwatchPort()
            self.port = port
            segmentsDelivered = 0
            watchPort()
            if moved, toldConnected, isConnectedNow, control.isInitialized {
                sendControl(RNDISControl.indication(RNDIS.networkChange))
            }
            run()
        }
    }

    /// Pulls the cable out of the adapter or puts it in; the port stays. Not from the pump.
    package func setLink(_ enabled: Bool) {
        pump.perform {
            isLinkEnabled = enabled
            run()
        }
    }

    /// Not from the pump.
    package var statistics: NetworkAdapterStatistics { pump.perform { currentStatistics } }

    /// There is a port, its link is up and the cable is in. Not from the pump.
    package var isConnected: Bool { pump.perform { isConnectedNow } }

    var isConnectedNow: Bool { isLinkEnabled && port?.isLinkUp == true }

    var currentStatistics: NetworkAdapterStatistics {
        var all = NetworkAdapterStatistics()
        all.total = pastStatistics
        for queue in queues {
            let counts = queue?.statistics ?? NetworkAdapterStatistics.Queue()
            all.queues.append(counts)
            all.total += counts
        }
        (all.guestIsReady, all.version, all.currentAddress) = (control.isInitialized, session.version, control.filter.address)
        return all
    }

    // MARK: VMBusDevice

    package func attached(to host: any VMBusDeviceHost) {
        self.host = host
        memory = host.memory
        watchPort()
    }

    package func opened(_ channel: any ServiceChannel, userData: [UInt8]) -> Bool {
        guard channel.index <= session.subchannels, channel.index == 0 || queue(0) != nil else { return false }
        reopened(channel)
        if channel.index > 0, queues.count == session.subchannels + 1, queues.allSatisfy({ $0 != nil }) {
            owesSendTable = true
            run()
        }
        return true
    }

    package func reopened(_ channel: any ServiceChannel) {
        while queues.count <= channel.index { queues.append(nil) }
        queues[channel.index] = NetworkQueue(channel)
    }

    package func closed(_ channel: any ServiceChannel) {
        guard let queue = queue(channel.index) else { return }
        pastStatistics += queue.statistics
        for filled in queue.filled { sections?.putBack(filled.section) }
        queues[channel.index] = nil
        sections?.giveBackAll(channel: channel.index)
        guard channel.index == 0 else { return }
        // The conversation is over; the next one begins with INIT.
        queues = []
        session = NVSPSession()
        let former = control.filter.address == settings.address ? control.filter.formerAddress : control.filter.address
        control = RNDISControl(address: settings.address)
        control.filter.formerAddress = former
        (sections, sendBuffer, toeplitz) = (nil, nil, nil)
        (controlMessages, owesSendTable, toldConnected, segmentsDelivered) = ([], false, false, 0)
        settle()
    }

    /// In the middle of a guest's signal a turn is done that is likely small: one answer, one section given back. Where much moves, the
    /// pump's thread and the guest do better side by side.
    package func ringChanged(_ channel: any ServiceChannel) {
        if movedOfLate >= Self.manyBytes, !pump.mayWait { comeBack() } else { run() }
    }

    package func tornDown(gpadl: UInt32) {
        if sections?.buffer.gpadl == gpadl { dropReceiveBuffer() }
        if sendBuffer?.gpadl == gpadl { (sendBuffer, session.sendBuffer) = (nil, nil) }
    }

    // MARK: Running

    func queue(_ index: Int) -> NetworkQueue? { queues.indices.contains(index) ? queues[index] : nil }

    /// Bytes of the last turns from which on much moves, and of a virtual processor's turn at its end: a few frames of ordinary size.
    static let manyBytes = 16 << 10

    /// Does what can be done in both directions. Comes back by itself when its share is used up and there is more.
    func run() {
        let before = moved
        tellLink()
        var more = false
        for queue in queues {
            guard let queue else { continue }
            if transmit(queue) { more = true }
        }
        flushControl()
        if receiveFrames() { more = true }
        port?.flush()
        movedOfLate += moved &- before &- movedOfLate / 4
        if more { comeBack() }
    }

    private func comeBack() {
        guard !isContinuing else { return }
        isContinuing = true
        pump.post { [weak self] in
            self?.isContinuing = false
            self?.run()
        }
    }

    private func unwatchPort() {
        guard let watched else { return }
        pump.watch(watched, events: nil) {}
        self.watched = nil
    }

    private func watchPort() {
        guard host != nil, let descriptor = port?.descriptor, watched == nil else { return }
        watched = descriptor
        pump.watch(descriptor, events: Int16(POLLIN)) { [weak self] in
            guard let self else { return }
            self.port?.acknowledge()
            self.run()
        }
    }

    /// Tells the guest of a link that came or went since it was told last. Linux takes a link for up until told otherwise, and listens only
    /// once the interface is in use, that is when it has set a packet filter.
    private func tellLink() {
        let isConnected = isConnectedNow
        guard control.isInitialized, control.filter.bits != 0, toldConnected != isConnected else { return }
        if let settledAt, port != nil, isLinkEnabled, pump.clock.nanoseconds < settledAt {
            settlingTimer?.arm(at: settledAt)
            return
        }
        toldConnected = isConnected
        sendControl(RNDISControl.indication(toldConnected ? RNDIS.mediaConnect : RNDIS.mediaDisconnect))
    }

    /// The guest goes on with the link that it knew.
    func settle() {
        settledAt = toldConnected ? pump.clock.nanoseconds &+ Self.settling : nil
    }

    func dropReceiveBuffer() {
        for queue in queues { queue?.filled = [] }
        (sections, session.receiveBuffer) = (nil, nil)
        (controlMessages, segmentsDelivered) = ([], 0)
    }
}

/// Small places outside guest memory for the parts of frames that are looked at or changed.
final class FrameScratch {
    // Safety: allocated for the object's life; each user stays inside its buffer's count.
    /// A message's headers and per-packet information.
    let message = UnsafeMutableRawBufferPointer.allocate(byteCount: 640, alignment: 16)
    /// The beginning of a frame.
    let frame = UnsafeMutableRawBufferPointer.allocate(byteCount: TransportHeaders.reach, alignment: 16)

    deinit {
        message.deallocate()
        frame.deallocate()
    }
}
