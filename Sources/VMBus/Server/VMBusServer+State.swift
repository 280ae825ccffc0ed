import Basics
import DeviceModel

/// What is saved of a bus. The rings' contents and indices lie in guest RAM; the devices' own states are units of their own.
package struct VMBusState: Codable, Sendable {
    var phase: ControlPlane.Phase
    var version: UInt32
    var target: MessageTarget
    var offersRequested: Bool
    var pendingContact: Contact?
    var unloadAwaitsAnswer: Bool
    var nextRelid: UInt32
    /// By relid.
    var offers: [OfferState]
    /// By number.
    var gpadls: [GPADLState]
    /// In the order of their text forms.
    var connects: [SocketConnect]
    var leaving: [GUID]
    /// Messages of the guest that nobody has looked at, and ours that found no room yet.
    var incoming: [[UInt8]]
    var outgoing: [OutgoingMessage]
    /// Relids of channels that the guest signalled, in order.
    var signalled: [UInt32]
    /// Relids of channels that are closed here, although the guest has not closed them yet.
    var failed: [UInt32]
}

/// Save and restore: `settle` comes before, and this unit before the devices' own.
extension VMBusServer: StatefulUnit {
    package var unitName: String { "vmbus" }
    /// 2: page lists are text (`PageRuns`).
    package static var stateVersion: Int { 2 }

    package func saveState() throws(StateError) -> VMBusState {
        guard isSettled else {
            throw StateError(.inconsistent, unit: unitName, detail: "work is under way between the bus and its devices; settle it first")
        }
        return controlPump.perform {
            VMBusState(
                phase: plane.phase, version: plane.version, target: plane.target, offersRequested: plane.offersRequested,
                pendingContact: plane.pendingContact, unloadAwaitsAnswer: plane.unloadAwaitsAnswer, nextRelid: plane.nextRelid,
                offers: plane.orderedOffers, gpadls: plane.gpadls.values.sorted { $0.id < $1.id },
                connects: plane.connects.sorted { ($0.endpoint, $0.service) < ($1.endpoint, $1.service) },
                leaving: plane.leaving.sorted(), incoming: waitingMessages, outgoing: outgoing, signalled: waitingChannels,
                failed: plane.orderedOffers.filter { $0.channel == .open && channels[$0.relid]?.isOpen != true }.map(\.relid))
        }
    }

    package func restoreState(_ state: VMBusState, version: Int) throws(StateError) {
        settle()
        var failure: StateError?
        controlPump.perform {
            do throws(StateError) { try take(state) } catch { failure = error }
        }
        if let failure { throw failure }
        // `attached` came before; `reopened` comes now, before the devices' own states.
        settle()
    }

    private func take(_ state: VMBusState) throws(StateError) {
        try check(state)
        // Devices the state does not know get the numbers that are left, and are offered when the guest runs.
        let known = Set(state.offers.map(\.instance))
        let additional = plane.orderedOffers.filter { $0.subIndex == 0 && !known.contains($0.instance) }.map(\.instance)
        plane.offers = [:]
        plane.gpadls = [:]
        for offer in state.offers { plane.offers[offer.relid] = offer }
        for gpadl in state.gpadls { plane.gpadls[gpadl.id] = gpadl }
        (plane.phase, plane.version, plane.target) = (state.phase, state.version, state.target)
        (plane.offersRequested, plane.nextRelid) = (state.offersRequested, state.nextRelid)
        (plane.pendingContact, plane.unloadAwaitsAnswer) = (state.pendingContact, state.unloadAwaitsAnswer)
        plane.leaving = Set(state.leaving)
        for instance in state.leaving { awaitDeparture(instance) }
        plane.connects = Set(state.connects)
        outgoing = state.outgoing
        waitingMessages = Array(state.incoming.prefix(Self.incomingLimit))

        for gpadl in state.gpadls where gpadl.missing == 0 {
            guard let offer = plane.offers[gpadl.relid] else { continue }
            slots[offer.instance]?.establish(gpadl, isPrimary: offer.subIndex == 0)
        }
        for slot in slots.values { slot.setVersion(plane.version) }
        // Primaries first: a service finds its sub-channels' owner there.
        for offer in state.offers.filter({ $0.channel == .open && !state.failed.contains($0.relid) }).sorted(by: {
            ($0.subIndex, $0.relid) < ($1.subIndex, $1.relid)
        }) {
            guard let slot = slots[offer.instance], let request = offer.request, let pages = plane.gpadls[request.gpadl]?.pages,
                let channel = RingChannel(
                    relid: offer.relid, index: Int(offer.subIndex), slot: slot, transport: transport, request: request, pages: pages),
                reopen(channel, of: slot, connection: offer.connection)
            else {
                // The guest had broken its rings when it was saved: the channel is closed here, as it would have been.
                note("The guest's rings for channel \(offer.relid) hold indices that cannot be.")
                continue
            }
        }
        for relid in state.signalled { channels[relid]?.signalled() }
        for instance in additional {
            guard let device = slots[instance]?.device else { continue }
            _ = plane.add(device.offer)
        }
        // Nobody remembers who was to answer.
        for connect in state.connects { plane.connected(connect, status: VMBusProtocol.connectionRefused) }
        perform()
        resumeMessages()
    }

    /// A state that is wrong in itself, or that this machine has no devices for.
    private func check(_ state: VMBusState) throws(StateError) {
        func wrong(_ detail: String) -> StateError { StateError(.inconsistent, unit: unitName, detail: detail) }
        guard channels.isEmpty, plane.phase == .disconnected else { throw wrong("the bus is in use") }
        var relids: Set<UInt32> = []
        var places: [GUID: Set<UInt16>] = [:]
        for offer in state.offers {
            guard VMBusProtocol.relids.contains(offer.relid), relids.insert(offer.relid).inserted else {
                throw wrong("channel number \(offer.relid)")
            }
            // An offer that the guest has not let go of may stand beside its successor, but only one of them is open.
            guard offer.channel != .open || places[offer.instance, default: []].insert(offer.subIndex).inserted else {
                throw wrong("channel \(offer.relid) is open twice")
            }
            guard slots[offer.instance] != nil || state.leaving.contains(offer.instance) else {
                throw wrong("this machine has no device \(offer.instance)")
            }
            guard offer.channel == .open || offer.channel == .closed, (offer.channel == .open) == (offer.request != nil) else {
                throw wrong("channel \(offer.relid) is \(offer.channel.rawValue)")
            }
            if let request = offer.request {
                guard request.targetProcessor < UInt32(processorCount), state.gpadls.contains(where: { $0.id == request.gpadl }) else {
                    throw wrong("channel \(offer.relid)'s request")
                }
            }
        }
        var ids: Set<UInt32> = []
        for gpadl in state.gpadls {
            guard ids.insert(gpadl.id).inserted, relids.contains(gpadl.relid), (0...Int(UInt32.max)).contains(gpadl.missing),
                (0..<4096).contains(gpadl.offset), (1...Int(UInt32.max)).contains(gpadl.count),
                (gpadl.offset + gpadl.count + 4095) / 4096 == gpadl.total, gpadl.pages.allSatisfy(plane.memoryContains)
            else { throw wrong("GPADL \(gpadl.id)") }
        }
        guard VMBusProtocol.relids.contains(state.nextRelid), state.target.processor >= 0, state.target.processor < processorCount,
            (0...15).contains(state.target.source), state.outgoing.allSatisfy({ $0.bytes.count <= VMBusProtocol.messageSize })
        else { throw wrong("its connection") }
    }
}
