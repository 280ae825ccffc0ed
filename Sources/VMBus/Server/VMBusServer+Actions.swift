import Basics
import DeviceModel

/// What the control plane wants done, in the control pump. Devices are asked by tasks in their own pumps, and answer by tasks in ours.
extension VMBusServer {
    /// Performs what the control plane wants, in order.
    func perform() {
        while true {
            let actions = plane.takeActions()
            if actions.isEmpty { break }
            for action in actions { perform(action) }
        }
        guard plane.version != toldVersion else { return }
        toldVersion = plane.version
        for slot in slots.values { slot.setVersion(plane.version) }
    }

    private func perform(_ action: ControlAction) {
        switch action {
        case .send(let bytes, let target):
            outgoing.append(OutgoingMessage(bytes: bytes, target: target))
            if outgoing.count == 1 { flushOutgoing() }
        case .open(let relid): open(relid)
        case .close(let relid): close(relid)
        case .tearDown(let gpadl, let relid): tearDown(gpadl, relid)
        case .established(let gpadl):
            if let offer = plane.offers[gpadl.relid] { slots[offer.instance]?.establish(gpadl, isPrimary: offer.subIndex == 0) }
        case .retarget(let relid, let processor):
            guard let channel = channels[relid], let slot = channel.slot else { return plane.modified(relid) }
            slot.dispatcher.post { [weak self] in
                channel.targetProcessor = Int(processor)
                self?.answer { $0.modified(relid) }
            }
        case .connect(let connect): ask(connect)
        case .released(let instance): forget(instance)
        case .note(let text): note(text)
        }
    }

    private func open(_ relid: UInt32) {
        guard let offer = plane.offers[relid], let request = offer.request, let slot = slots[offer.instance],
            let pages = plane.gpadls[request.gpadl]?.pages,
            let channel = RingChannel(
                relid: relid, index: Int(offer.subIndex), slot: slot, transport: transport, request: request, pages: pages)
        else {
            note("The guest's rings for channel \(relid) hold indices that cannot be.")
            return plane.opened(relid, accepted: false)
        }
        guard transport.openSignalPort(connection: offer.connection, action: { [weak channel] in channel?.signalled() }) else {
            return plane.opened(relid, accepted: false)
        }
        channels[relid] = channel
        slot.dispatcher.post { [weak self] in
            channel.activate()
            let accepted = slot.device?.opened(channel, userData: request.userData) ?? false
            // Packets may lie there from before the port was open.
            if accepted { channel.signalled() } else { channel.deactivate() }
            self?.postControl { server in
                if !accepted { server.drop(relid) }
                server.plane.opened(relid, accepted: accepted)
            }
        }
    }

    private func close(_ relid: UInt32) {
        guard let channel = drop(relid), let slot = channel.slot else { return plane.closed(relid) }
        slot.dispatcher.post { [weak self] in
            if channel.isOpen {
                channel.deactivate()
                slot.device?.closed(channel)
            }
            channel.detach()
            self?.answer { $0.closed(relid) }
        }
    }

    /// The guest's signals for the channel end here.
    @discardableResult
    func drop(_ relid: UInt32) -> RingChannel? {
        guard let channel = channels.removeValue(forKey: relid) else { return nil }
        transport.closeSignalPort(connection: VMBusProtocol.firstConnection + relid)
        return channel
    }

    private func tearDown(_ gpadl: UInt32, _ relid: UInt32) {
        guard let offer = plane.offers[relid], let slot = slots[offer.instance] else { return plane.tornDown(gpadl) }
        slot.dispatcher.post { [weak self] in
            slot.forget(gpadl: gpadl)
            slot.device?.tornDown(gpadl: gpadl)
            self?.answer { $0.tornDown(gpadl) }
        }
    }

    private func ask(_ connect: SocketConnect) {
        let request = SocketConnectRequest(endpoint: connect.endpoint, service: connect.service) { [weak self] status in
            self?.answer { $0.connected(connect, status: status) }
        }
        if let hook = onConnectRequest { hook(request) } else { request.answer(status: VMBusProtocol.connectionRefused) }
    }
}
