import DeviceModel
import VMBus

/// The state of an adapter that a guest can see. Frames that are on their way from the guest and wait for room in the switch are lost on
/// a restore, as on any network; what lies in the guest's receive buffer is not.
package struct NetworkAdapterState: Codable, Sendable {
    /// Sections that are with the guest as the ranges of one packet.
    struct Group: Codable, Equatable, Sendable {
        var channel: Int
        var sections: [UInt32]
    }
    struct Channel: Codable, Sendable {
        var index: Int
        /// Completions that the guest waits for.
        var owed: [NetworkQueue.Completion]
        /// Filled sections that the guest has not been told of.
        var filled: [NetworkQueue.Filled]
        var statistics: NetworkAdapterStatistics.Queue
        /// A completion that waits for the next thing the guest is told, and whether the timer's end ends that.
        var late: NetworkQueue.Completion?
        var isLateMarked: Bool?
    }

    var session: NVSPSession
    var control: RNDISControl
    var groups: [Group]
    var channels: [Channel]
    var controlMessages: [[UInt8]]
    var owesSendTable: Bool
    var toldConnected: Bool
    var isLinkEnabled: Bool
    var frameIdentity: UInt16
    var pastStatistics: NetworkAdapterStatistics.Queue
    /// Partition time at which late completions end.
    var lateDeadline: UInt64?
}

extension NetworkAdapter: StatefulUnit {
    package var unitName: String { "network.\(settings.instance)" }
    package static var stateVersion: Int { 1 }

    package func saveState() throws(StateError) -> NetworkAdapterState {
        NetworkAdapterState(
            session: session, control: control, groups: sections?.groups ?? [],
            channels: queues.compactMap { queue in
                guard let queue else { return nil }
                let held = queue.held.filter(\.completionRequested).map {
                    NetworkQueue.Completion(transaction: $0.transaction, message: rndisAnswer(NVSP.success))
                }
                return NetworkAdapterState.Channel(
                    index: queue.index, owed: queue.owed + held, filled: queue.filled, statistics: queue.statistics, late: queue.late,
                    isLateMarked: queue.isLateMarked)
            }, controlMessages: controlMessages, owesSendTable: owesSendTable, toldConnected: toldConnected,
            isLinkEnabled: isLinkEnabled, frameIdentity: frameIdentity, pastStatistics: pastStatistics,
            lateDeadline: isLateTimerArmed ? lateTimer?.deadline : nil)
    }

    /// The channels were reopened before; their GPADLs are known.
    package func restoreState(_ state: NetworkAdapterState, version: Int) throws(StateError) {
        func refuse(_ detail: String) -> StateError { StateError(.inconsistent, unit: unitName, detail: detail) }
        (session, control) = (state.session, state.control)
        guard control.filter.address.count == 6,
            (control.filter.groups + [control.filter.formerAddress ?? control.filter.address]).allSatisfy({ $0.count == 6 })
        else { throw refuse("an address") }
        guard control.scaling.table.count <= ReceiveScaling.mostEntries else { throw refuse("the table of receive-side scaling") }
        if control.scaling.isEnabled, control.scaling.key.count != ReceiveScaling.keySize || control.scaling.table.isEmpty {
            throw refuse("receive-side scaling")
        }
        (sections, sendBuffer, toeplitz) = (nil, nil, nil)
        if let saved = state.session.receiveBuffer {
            guard let buffer = queue(0)?.channel.buffer(gpadl: saved.gpadl), saved.sectionSize >= 2048, saved.sectionCount > 0,
                saved.sectionCount <= NVSP.mostSections, saved.sectionSize <= 1 << 20,
                saved.sectionSize * saved.sectionCount <= buffer.count
            else { throw refuse("the receive buffer") }
            sections = ReceiveSections(buffer, set: saved.set, size: saved.sectionSize, count: saved.sectionCount)
        }
        if let saved = state.session.sendBuffer {
            guard let buffer = queue(0)?.channel.buffer(gpadl: saved.gpadl) else { throw refuse("the send buffer") }
            sendBuffer = buffer
        }
        let taken = state.groups.flatMap(\.sections) + state.channels.flatMap { $0.filled.map(\.section) }
        guard taken.isEmpty || sections?.claim(taken) == true else { throw refuse("a section that is in use twice") }
        for group in state.groups {
            guard !group.sections.isEmpty, (0..<64).contains(group.channel) else { throw refuse("sections that are with the guest") }
            _ = sections?.lend(group.sections, channel: group.channel)
        }
        for channel in state.channels {
            guard let queue = queue(channel.index) else { throw refuse("channel \(channel.index)") }
            guard channel.filled.allSatisfy({ Int($0.count) <= sections?.size ?? 0 }) else { throw refuse("a filled section") }
            (queue.statistics, queue.owed, queue.filled) = (channel.statistics, channel.owed, channel.filled)
            (queue.late, queue.isLateMarked) = (channel.late, channel.isLateMarked ?? false)
        }
        (controlMessages, owesSendTable) = (state.controlMessages, state.owesSendTable)
        (toldConnected, isLinkEnabled) = (state.toldConnected, state.isLinkEnabled)
        (frameIdentity, pastStatistics, segmentsDelivered) = (state.frameIdentity, state.pastStatistics, 0)
        scalingChanged()
        isLateTimerArmed = state.lateDeadline != nil
        lateTimer?.arm(at: state.lateDeadline)
        if queues.contains(where: { $0?.late != nil }) { limitLateness() }
        settle()
        pump.post { [weak self] in self?.run() }
    }
}
