import Basics
import DeviceModel

/// The VMBus of one machine: devices are added, the guest finds them, opens channels and exchanges packets with them.
///
///     guest ──messages, ports 1 and 4──▶ incoming ──control pump──▶ ControlPlane ──actions──▶ outgoing ──▶ guest
///                                                       ▲                 │ open, close, tear down
///                                                       │ answers         ▼
///     guest ──signal port per channel──▶ dispatcher of the device's pump: tasks, then turns, then signals to the guest
///
/// The control plane lives in the control pump, each device in its own; they only post to each other, so that none waits.
package final class VMBusServer: @unchecked Sendable {
    /// Messages of the guest that wait; more are refused, and the guest tries again.
    static let incomingLimit = 64
    /// Answers that may wait for the guest before its further messages do.
    static let outgoingLimit = 64
    /// Notes of one boot: a hostile guest must not fill a log.
    static let noteLimit = 64

    package let memory: GuestMemory
    let transport: any VMBusTransport
    let controlPump: any ServicePump
    package let processorCount: Int

    // Safety: `lock` guards incoming, names, leavers, notes and hooks; everything else belongs to the control pump's context.
    let lock = HostLock()
    private var control: PumpDispatcher?
    private var incoming: [[UInt8]] = []
    private var names: Set<GUID> = []
    /// Of these the guest is still to let go, and what is to take its place then.
    private var leavers: [GUID: (any VMBusDevice)?] = [:]
    private var notesLeft = VMBusServer.noteLimit
    private var noteHook: (@Sendable (String) -> Void)?
    private var connectHook: (@Sendable (SocketConnectRequest) -> Void)?
    private var dispatchers: [PumpDispatcher] = []
    private var isStarted = false

    var plane: ControlPlane
    var slots: [GUID: DeviceSlot] = [:]
    var channels: [UInt32: RingChannel] = [:]
    private var departures: [GUID: [() -> Void]] = [:]
    var outgoing: [OutgoingMessage] = []
    /// The version that the devices can see.
    var toldVersion: UInt32 = 0
    private var retryTimer: (any PartitionTimer)?
    private var retryDelay = VMBusServer.firstRetry

    /// Nanoseconds of partition time until a message that found no room is tried again, doubled up to the last.
    static let firstRetry: UInt64 = 200_000
    static let lastRetry: UInt64 = 50_000_000

    /// `pump`: the control plane's; a device may share it. Nothing happens before `start`.
    package init(memory: GuestMemory, transport: any VMBusTransport, pump: any ServicePump) {
        (self.memory, self.transport, controlPump) = (memory, transport, pump)
        processorCount = transport.processorCount
        plane = ControlPlane(processorCount: transport.processorCount) { [memory] page in
            page <= UInt64.max >> 12 && memory.contains(page << 12, count: GuestMemory.pageSize)
        }
        control = PumpDispatcher(pump: pump) { [weak self] in self?.controlTurn() }
        if let control { dispatchers = [control] }
        retryTimer = pump.makeTimer(name: "vmbus.retry") { [weak self] in self?.flushOutgoing() }
    }

    deinit {
        for channel in channels.values { channel.detach() }
        for slot in slots.values { slot.release() }
    }

    /// Told when the guest breaks the protocol or a channel fails; any thread, the text may hold numbers the guest chose.
    package var onNote: (@Sendable (String) -> Void)? {
        get { lock.withLock { noteHook } }
        set { lock.withLock { noteHook = newValue } }
    }

    /// Asked in the control pump when the guest connects to a socket service; answer each once, at any time. nil: refused.
    package var onConnectRequest: (@Sendable (SocketConnectRequest) -> Void)? {
        get { lock.withLock { connectHook } }
        set { lock.withLock { connectHook = newValue } }
    }

    func note(_ text: String) {
        let hook: (@Sendable (String) -> Void)? = lock.withLock {
            guard notesLeft > 0 else { return nil }
            notesLeft -= 1
            return noteHook
        }
        hook?(text)
    }

    // MARK: assembly

    /// Opens the guest's message ports. Once, before the guest runs.
    package func start() {
        guard !lock.withLock({ isStarted }) else { return }
        lock.withLock { isStarted = true }
        for connection in VMBusProtocol.messageConnections {
            _ = transport.openMessagePort(connection: connection) { [weak self] payload, _ in self?.accept(payload) ?? false }
        }
    }

    /// Puts a device on the bus, with an offer to a guest that runs. Any thread. false: one with its instance is there, or the bus is full.
    /// While the guest still has to let go of a removed one with its instance, the device waits for that.
    package func add(_ device: any VMBusDevice) -> Bool {
        let instance = device.offer.interfaceInstance
        let (isTaken, isNew) = lock.withLock { () -> (Bool, Bool) in
            if let waiting = leavers[instance] {
                guard waiting == nil else { return (false, false) }
                leavers[instance] = .some(device)
                return (true, false)
            }
            let isNew = names.count < VMBusProtocol.relids.count && names.insert(instance).inserted
            return (isNew, isNew)
        }
        guard isNew else { return isTaken }
        let slot = DeviceSlot(device: device, dispatcher: dispatcher(of: device.pump), server: self)
        slot.dispatcher.post { device.attached(to: slot) }
        postControl { server in
            server.slots[instance] = slot
            slot.setVersion(server.plane.version)
            if !server.plane.add(device.offer) { server.forget(instance) }
        }
        return true
    }

    /// Takes a device off the bus: its channels are closed and the guest is told. `then` runs in the control pump when the guest has let go.
    package func remove(_ device: any VMBusDevice, then: @escaping () -> Void = {}) {
        let instance = device.offer.interfaceInstance
        lock.withLock { if names.contains(instance) { leavers[instance] = .some(nil) } }
        postControl { server in
            guard server.slots[instance]?.device === device else {
                server.lock.withLock { if !server.plane.leaving.contains(instance) { server.leavers[instance] = nil } }
                return then()
            }
            server.departures[instance, default: []].append(then)
            server.plane.remove(instance)
        }
    }

    func offerSubChannels(of instance: GUID, count: Int) {
        postControl { $0.plane.offerSubChannels(instance, count: count) }
    }

    private func dispatcher(of pump: any ServicePump) -> PumpDispatcher {
        lock.withLock {
            dispatchers.removeAll { $0.pump == nil }
            if let known = dispatchers.first(where: { $0.pump === pump }) { return known }
            let dispatcher = PumpDispatcher(pump: pump)
            dispatchers.append(dispatcher)
            return dispatcher
        }
    }

    /// Runs `change` in the control pump, then what follows from it.
    func postControl(_ change: @escaping (VMBusServer) -> Void) {
        lock.withLock { control }?.post { [weak self] in
            guard let self else { return }
            change(self)
            perform()
        }
    }

    /// A device's answer.
    func answer(_ change: @escaping (inout ControlPlane) -> Void) { postControl { change(&$0.plane) } }

    func forget(_ instance: GUID) {
        slots.removeValue(forKey: instance)?.release()
        let next = lock.withLock { () -> (any VMBusDevice)? in
            names.remove(instance)
            return leavers.removeValue(forKey: instance) ?? nil
        }
        for then in departures.removeValue(forKey: instance) ?? [] { then() }
        if let next { _ = add(next) }
    }

    /// A restored guest still has to let go of a device; one that this machine has with its instance waits for that.
    func awaitDeparture(_ instance: GUID) {
        let slot = slots.removeValue(forKey: instance)
        let device = slot?.device
        slot?.release()
        lock.withLock {
            names.insert(instance)
            leavers[instance] = .some(device)
        }
    }

    // MARK: messages

    /// A message port's action, on a VP's thread.
    private func accept(_ payload: [UInt8]) -> Bool {
        guard payload.count >= 8, payload.count <= VMBusProtocol.messageSize else { return true }
        let isTaken: Bool = lock.withLock {
            guard incoming.count < Self.incomingLimit else { return false }
            incoming.append(payload)
            return true
        }
        controlPump.wake()
        return isTaken
    }

    /// Handles what the guest sent while the guest takes the answers.
    private func controlTurn() {
        flushOutgoing()
        while outgoing.count < Self.outgoingLimit {
            let next: [UInt8]? = lock.withLock { incoming.isEmpty ? nil : incoming.removeFirst() }
            guard let next else { break }
            plane.receive(next)
            perform()
        }
    }

    func flushOutgoing() {
        var sent = 0
        while sent < outgoing.count,
            transport.post(outgoing[sent].bytes, processor: outgoing[sent].target.processor, source: outgoing[sent].target.source)
        {
            sent += 1
        }
        let wasFull = outgoing.count >= Self.outgoingLimit
        outgoing.removeFirst(sent)
        if outgoing.isEmpty {
            retryTimer?.arm(at: nil)
            retryDelay = Self.firstRetry
        } else {
            if sent > 0 { retryDelay = Self.firstRetry }
            retryTimer?.arm(at: controlPump.clock.nanoseconds + retryDelay)
            retryDelay = min(retryDelay * 2, Self.lastRetry)
        }
        if wasFull, outgoing.count < Self.outgoingLimit { controlPump.wake() }
    }

    // MARK: the machine's life

    /// The machine is reset; no VP runs: all channels are closed, the offers stay. Returns when the devices have heard of it.
    package func reset() {
        lock.withLock {
            incoming.removeAll()
            notesLeft = Self.noteLimit
        }
        controlPump.perform {
            plane.reset()
            perform()
        }
        settle()
        // Signals for channels that are gone; one left over would keep later ones from waking a pump.
        for dispatcher in lock.withLock({ dispatchers }) { dispatcher.forgetSignals() }
        controlPump.perform {
            outgoing.removeAll()
            retryTimer?.arm(at: nil)
        }
    }

    /// Finishes what control plane and devices have posted to each other, with its messages and signals to the guest. No VP runs; call it
    /// before any state or memory is saved. What the guest has asked for and nobody has looked at yet stays for later.
    package func settle() {
        while true {
            let all = lock.withLock { dispatchers }
            for dispatcher in all { dispatcher.pump?.perform { dispatcher.runTasks() } }
            if isSettled { return }
        }
    }

    var isSettled: Bool { lock.withLock { dispatchers }.allSatisfy(\.isSettled) }

    /// Ends the bus: no device is called any more. The pumps stand still.
    package func close() {
        for dispatcher in lock.withLock({ dispatchers }) { dispatcher.close() }
        for connection in VMBusProtocol.messageConnections { transport.closeMessagePort(connection: connection) }
        for relid in channels.keys.sorted() { drop(relid)?.detach() }
        retryTimer?.arm(at: nil)
        for slot in slots.values { slot.release() }
        slots.removeAll()
        departures.removeAll()
        lock.withLock {
            dispatchers.removeAll()
            incoming.removeAll()
            leavers.removeAll()
        }
    }

    /// What stands on the bus now. Any thread but a pump's of the bus.
    package var summaries: [ChannelSummary] {
        controlPump.perform {
            plane.orderedOffers.map {
                ChannelSummary(
                    interfaceInstance: $0.instance, relid: $0.relid, subIndex: Int($0.subIndex), isOpen: $0.channel == .open,
                    targetProcessor: $0.request.map { Int($0.targetProcessor) })
            }
        }
    }

    // MARK: state (VMBusServer+State.swift)

    var waitingMessages: [[UInt8]] {
        get { lock.withLock { incoming } }
        set { lock.withLock { incoming = newValue } }
    }

    /// Channels that the guest signalled and that had no turn yet, pump by pump in order of signalling.
    var waitingChannels: [UInt32] { lock.withLock { dispatchers }.flatMap(\.waiting).map(\.relid) }

    /// Puts a restored channel in place of one that was open.
    func reopen(_ channel: RingChannel, of slot: DeviceSlot, connection: UInt32) -> Bool {
        guard transport.openSignalPort(connection: connection, action: { [weak channel] in channel?.signalled() }) else { return false }
        channels[channel.relid] = channel
        slot.dispatcher.post {
            channel.activate()
            slot.device?.reopened(channel)
        }
        return true
    }

    /// Tries the messages that wait, and those of the guest.
    func resumeMessages() {
        if !outgoing.isEmpty { retryTimer?.arm(at: controlPump.clock.nanoseconds + Self.firstRetry) }
        if !waitingMessages.isEmpty { controlPump.wake() }
    }
}
