import Basics

/// The VMBus protocol between guest and server as a value: a message or a device's answer comes in, the new state and a list of actions
/// come out (facts: Linux drivers/hv, OpenVMM's vmbus_server). Nothing here waits, calls or knows of rings.
///
///     disconnected ──INITIATE_CONTACT──▶ connected ──UNLOAD, another contact, reset──▶ disconnecting ──all closed──▶ disconnected
///
///     offer:  closed ──OPENCHANNEL──▶ opening ──device──▶ open ──CLOSECHANNEL, rescind, ring torn down──▶ closing ──device──▶ closed
///
/// The guest waits without a time-out for each answer, so that every request that names something to answer for is answered, once.
struct ControlPlane: Sendable {
    enum Phase: String, Sendable, Codable { case disconnected, connected, disconnecting }

    /// Bounds on what a guest can make us hold.
    struct Limits: Sendable {
        /// Pages of all GPADLs together: 2 GiB of lent memory.
        var pages = 1 << 19
        var gpadls = 8192
        var unfinishedGPADLs = 64
        var connects = 256
    }

    let processorCount: Int
    let memoryContains: @Sendable (_ page: UInt64) -> Bool
    let limits: Limits

    var phase = Phase.disconnected
    /// Negotiated; 0 while disconnected.
    var version: UInt32 = 0
    var target = MessageTarget()
    var offersRequested = false
    /// To be answered when all of the former connection is gone.
    var pendingContact: Contact?
    var unloadAwaitsAnswer = false
    var nextRelid = VMBusProtocol.relids.lowerBound
    var offers: [UInt32: OfferState] = [:]
    var gpadls: [UInt32: GPADLState] = [:]
    var connects: Set<SocketConnect> = []
    /// What devices say of themselves; not state, but the devices'.
    var devices: [GUID: ChannelOffer] = [:]
    /// Devices that are to go when their offers are gone.
    var leaving: Set<GUID> = []

    var actions: [ControlAction] = []

    init(processorCount: Int, limits: Limits = Limits(), memoryContains: @escaping @Sendable (_ page: UInt64) -> Bool) {
        (self.processorCount, self.limits, self.memoryContains) = (processorCount, limits, memoryContains)
    }

    /// Offers in a stable order.
    var orderedOffers: [OfferState] { offers.values.sorted { $0.relid < $1.relid } }

    /// The actions since the last call.
    mutating func takeActions() -> [ControlAction] {
        defer { actions.removeAll() }
        return actions
    }

    mutating func send(_ bytes: [UInt8]) { actions.append(.send(bytes, target)) }

    // MARK: connection

    mutating func initiateContact(_ contact: Contact) {
        switch phase {
        case .disconnected: answer(contact)
        case .connected:
            // A new kernel (kexec, crash) that inherits a bus it did not open.
            pendingContact = contact
            disconnect()
        case .disconnecting: pendingContact = contact
        }
    }

    private mutating func answer(_ contact: Contact) {
        let isGranted = VMBusProtocol.versions.contains(contact.version) && !contact.isImpossible
        target = contact.target
        if isGranted { (phase, version) = (.connected, contact.version) }
        var reply = MessageWriter(.versionResponse)
        reply.add(UInt8(isGranted ? 1 : 0))
        // Connection state: successful.
        reply.add(UInt8(0))
        reply.add(UInt16(0))
        reply.add(isGranted && contact.version >= VMBusProtocol.version5 ? VMBusProtocol.messageConnections[1] : 0)
        send(reply.bytes)
    }

    mutating func unload() {
        switch phase {
        case .disconnected: send(MessageWriter.words(.unloadResponse))
        case .connected:
            unloadAwaitsAnswer = true
            disconnect()
        case .disconnecting: unloadAwaitsAnswer = true
        }
    }

    /// The machine was reset: as UNLOAD, with nobody to answer.
    mutating func reset() {
        pendingContact = nil
        unloadAwaitsAnswer = false
        if phase == .connected { disconnect() }
    }

    private mutating func disconnect() {
        phase = .disconnecting
        offersRequested = false
        connects.removeAll()
        for offer in orderedOffers where offer.subIndex > 0 { beginClose(offer.relid) }
        for offer in orderedOffers where offer.subIndex == 0 { beginClose(offer.relid) }
        for id in gpadls.keys.sorted() { beginTearDown(id) }
        finishDisconnect()
    }

    /// Ends the connection when nothing of it is left.
    mutating func finishDisconnect() {
        guard phase == .disconnecting, gpadls.isEmpty, offers.values.allSatisfy({ $0.channel == .closed }) else { return }
        phase = .disconnected
        version = 0
        for offer in orderedOffers {
            offers[offer.relid]?.isOffered = false
            if offer.isReleased, !offer.isRescinded { offers[offer.relid]?.isReleased = false }
            removeIfGone(offer.relid)
        }
        if unloadAwaitsAnswer {
            unloadAwaitsAnswer = false
            send(MessageWriter.words(.unloadResponse))
        }
        if let contact = pendingContact {
            pendingContact = nil
            answer(contact)
        }
    }

    // MARK: offers

    mutating func requestOffers() {
        guard phase == .connected else { return }
        offersRequested = true
        for offer in orderedOffers { tell(of: offer.relid) }
        send(MessageWriter.words(.allOffersDelivered))
    }

    /// A device stands on the bus from now on. false: no relid is left.
    mutating func add(_ offer: ChannelOffer) -> Bool {
        guard let relid = newRelid() else { return false }
        devices[offer.interfaceInstance] = offer
        offers[relid] = OfferState(relid: relid, instance: offer.interfaceInstance, subIndex: 0)
        tell(of: relid)
        return true
    }

    /// The device leaves: its offers are taken back; `released` follows when the guest has let them go.
    mutating func remove(_ instance: GUID) {
        guard devices[instance] != nil, leaving.insert(instance).inserted else { return }
        let own = orderedOffers.filter { $0.instance == instance }
        for offer in own where offer.subIndex > 0 { rescind(offer.relid) }
        for offer in own where offer.subIndex == 0 { rescind(offer.relid) }
        releaseIfGone(instance)
    }

    /// A device offers sub-channels beside its open primary channel.
    mutating func offerSubChannels(_ instance: GUID, count: Int) {
        let own = offers.values.filter { $0.instance == instance && !$0.isRescinded }
        guard phase == .connected, own.contains(where: { $0.subIndex == 0 && ($0.channel == .open || $0.channel == .opening) }) else {
            return
        }
        let first = Int(own.map(\.subIndex).max() ?? 0) + 1
        for index in first..<first + max(0, min(count, VMBusProtocol.relids.count)) {
            guard let relid = newRelid() else {
                actions.append(.note("No channel number is left for the sub-channels of device \(instance)."))
                return
            }
            offers[relid] = OfferState(relid: relid, instance: instance, subIndex: UInt16(index))
            tell(of: relid)
        }
    }

    private mutating func newRelid() -> UInt32? {
        guard offers.count < VMBusProtocol.relids.count else { return nil }
        while offers[nextRelid] != nil { advanceRelid() }
        defer { advanceRelid() }
        return nextRelid
    }

    private mutating func advanceRelid() {
        nextRelid = nextRelid == VMBusProtocol.relids.upperBound ? VMBusProtocol.relids.lowerBound : nextRelid + 1
    }

    /// Sends the offer if the guest wants to hear of it and has not yet.
    private mutating func tell(of relid: UInt32) {
        guard phase == .connected, offersRequested, let state = offers[relid], let offer = devices[state.instance],
            !state.isOffered, !state.isRescinded
        else { return }
        offers[relid]?.isOffered = true
        var message = MessageWriter(.offer)
        message.add(offer.interfaceType.bytes, padTo: 16)
        message.add(offer.interfaceInstance.bytes, padTo: 16)
        message.add(UInt64(0))
        message.add(UInt64(0))
        message.add(offer.flags & VMBusProtocol.socketOffer != 0 ? offer.flags : offer.flags | VMBusProtocol.enumerateInterface)
        // Megabytes of MMIO that the device wants.
        message.add(UInt16(0))
        message.add(offer.userDefined, padTo: VMBusProtocol.userDataSize)
        message.add(state.subIndex)
        message.add(UInt16(0))
        message.add(relid)
        // Monitor id and monitor_allocated: none; is_dedicated_interrupt: the guest signals by hypercall alone.
        message.add(UInt16(0))
        message.add(UInt16(1))
        message.add(state.connection)
        send(message.bytes)
    }

    mutating func rescind(_ relid: UInt32) {
        guard let offer = offers[relid], !offer.isRescinded else { return }
        offers[relid]?.isRescinded = true
        beginClose(relid)
        if offer.isOffered, !offer.isReleased, phase == .connected { send(MessageWriter.words(.rescindOffer, relid)) }
        removeIfGone(relid)
    }

    mutating func relidReleased(_ relid: UInt32) {
        guard let offer = offers[relid], offer.isOffered, !offer.isReleased else { return }
        offers[relid]?.isReleased = true
        beginClose(relid)
        for gpadl in gpadls.values.filter({ $0.relid == relid }).map(\.id).sorted() { beginTearDown(gpadl) }
        removeIfGone(relid)
    }

    /// Forgets a rescinded offer when the guest cannot name it any more.
    mutating func removeIfGone(_ relid: UInt32) {
        guard let offer = offers[relid], offer.channel == .closed else { return }
        let isOurs = offer.isRescinded || (offer.subIndex > 0 && phase == .disconnected)
        guard isOurs, !offer.isOffered || offer.isReleased || phase == .disconnected,
            !gpadls.values.contains(where: { $0.relid == relid })
        else { return }
        offers[relid] = nil
        releaseIfGone(offer.instance)
    }

    private mutating func releaseIfGone(_ instance: GUID) {
        guard leaving.contains(instance), !offers.values.contains(where: { $0.instance == instance }) else { return }
        leaving.remove(instance)
        devices[instance] = nil
        actions.append(.released(instance))
    }
}
