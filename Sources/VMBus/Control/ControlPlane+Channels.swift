import Basics

/// Opening, closing and retargeting of channels.
extension ControlPlane {
    mutating func open(_ relid: UInt32, _ request: OpenRequest) {
        func refuse(_ reason: String) {
            answerOpen(relid, request.openID, isGranted: false)
            actions.append(.note("The guest may not open channel \(relid): \(reason)."))
        }
        guard phase == .connected, let offer = offers[relid], offer.isOffered else { return refuse("it was not offered") }
        guard !offer.isRescinded, !offer.isReleased else { return refuse("its offer was taken back") }
        guard offer.channel == .closed else { return refuse("it is \(offer.channel.rawValue)") }
        guard request.targetProcessor < UInt32(processorCount) else {
            return refuse("there is no virtual processor \(request.targetProcessor)")
        }
        guard let gpadl = gpadls[request.gpadl], gpadl.relid == relid, gpadl.missing == 0, !gpadl.isTearingDown else {
            return refuse("GPADL \(request.gpadl) is not one of its own")
        }
        guard gpadl.offset == 0, gpadl.count == gpadl.pages.count * 4096 else { return refuse("its rings are not whole pages") }
        // Each ring has a header and at least one page of data.
        guard request.downstreamPage >= 2, Int(request.downstreamPage) <= gpadl.pages.count - 2 else {
            return refuse("its rings are too small")
        }
        if offer.subIndex > 0, !offers.values.contains(where: { $0.instance == offer.instance && $0.subIndex == 0 && $0.channel == .open })
        {
            return refuse("the primary channel is not open")
        }
        offers[relid]?.channel = .opening
        offers[relid]?.request = request
        actions.append(.open(relid: relid))
    }

    /// The device's answer to `open`.
    mutating func opened(_ relid: UInt32, accepted: Bool) {
        guard let offer = offers[relid], let request = offer.request else { return }
        let isGranted = accepted && offer.channel == .opening
        if offer.channel == .opening { offers[relid]?.channel = isGranted ? .open : .closed }
        if !isGranted, offer.channel == .opening { offers[relid]?.request = nil }
        if phase == .connected { answerOpen(relid, request.openID, isGranted: isGranted) }
        if !isGranted { afterClose(relid) }
    }

    private mutating func answerOpen(_ relid: UInt32, _ openID: UInt32, isGranted: Bool) {
        send(MessageWriter.words(.openResult, relid, openID, isGranted ? 0 : VMBusProtocol.failure))
    }

    /// The guest closes a channel. Sub-channels go with their primary: they are closed before it and taken back.
    mutating func close(_ relid: UInt32) {
        guard let offer = offers[relid], offer.channel == .open || offer.channel == .opening else { return }
        beginClose(relid)
        if offer.subIndex == 0 {
            for sub in orderedOffers where sub.instance == offer.instance && sub.subIndex > 0 { rescind(sub.relid) }
        }
    }

    /// Closes the channel, if it is open, towards its device; sub-channels before their primary.
    mutating func beginClose(_ relid: UInt32) {
        guard let offer = offers[relid], offer.channel == .open || offer.channel == .opening else { return }
        if offer.subIndex == 0 {
            for sub in orderedOffers where sub.instance == offer.instance && sub.subIndex > 0 { beginClose(sub.relid) }
        }
        offers[relid]?.channel = .closing
        actions.append(.close(relid: relid))
    }

    /// The device has heard of the close.
    mutating func closed(_ relid: UInt32) {
        guard let offer = offers[relid], offer.channel == .closing else { return }
        offers[relid]?.channel = .closed
        offers[relid]?.request = nil
        afterClose(relid)
    }

    private mutating func afterClose(_ relid: UInt32) {
        removeIfGone(relid)
        finishDisconnect()
    }

    mutating func modify(_ relid: UInt32, processor: UInt32) {
        guard phase == .connected, offers[relid]?.channel == .open, processor < UInt32(processorCount) else {
            return answerModify(relid, status: VMBusProtocol.failure)
        }
        offers[relid]?.request?.targetProcessor = processor
        actions.append(.retarget(relid: relid, processor: processor))
    }

    /// From now on no interrupt goes to the former VP.
    mutating func modified(_ relid: UInt32) { answerModify(relid, status: 0) }

    private mutating func answerModify(_ relid: UInt32, status: UInt32) {
        guard phase == .connected, version >= VMBusProtocol.versionWithModifyAnswer else { return }
        send(MessageWriter.words(.modifyResponse, relid, status))
    }

    mutating func connect(_ connect: SocketConnect) {
        guard phase == .connected else { return }
        guard connects.count < limits.connects, connects.insert(connect).inserted else {
            return refuse(connect, status: VMBusProtocol.connectionRefused)
        }
        actions.append(.connect(connect))
    }

    /// The host's answer to a socket's connect. Success says itself by an offer; a refusal is told.
    mutating func connected(_ connect: SocketConnect, status: UInt32) {
        guard connects.remove(connect) != nil, phase == .connected else { return }
        if status != 0 { refuse(connect, status: status) }
    }

    private mutating func refuse(_ connect: SocketConnect, status: UInt32) {
        var message = MessageWriter(.connectResult)
        message.add(connect.endpoint.bytes, padTo: 16)
        message.add(connect.service.bytes, padTo: 16)
        message.add(status)
        send(message.bytes)
    }
}
