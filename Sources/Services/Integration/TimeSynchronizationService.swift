import DeviceModel
import VMBus

/// Time synchronisation: tells the guest the VM's wall-clock time, first as an order to set its clock, then as samples.
///
///     version 4   0 u64 wall clock   8 u64 reference time   16 u8 flags   17 u8 leap   18 u8 stratum   19 reserved to 24
///     before      0 u64 wall clock   8 u64 child time   16 u64 round trip   24 u8 flags   25 reserved to 28
///
/// Times in 100 ns; the wall clock counts from 1601 (struct ictimesync_ref_data, ictimesync_data). Reference time is the partition's, at
/// the moment the sample was taken, so that the guest can take off how long the message lay. Linux sets its clock only when told to
/// (ICTIMESYNCFLAG_SYNC) and offers samples as a PTP clock.
package final class TimeSynchronizationService: IntegrationDevice, StatefulUnit, @unchecked Sendable {
    package struct State: Codable, Sendable {
        var link = Link()
        /// Partition time of the next sample; nil: none.
        var next: UInt64?
        /// The next message orders the guest to set its clock.
        var mustSet = true
    }

    private enum Flags { static let set: UInt8 = 1, sample: UInt8 = 2 }
    /// Nanoseconds.
    private static let period: UInt64 = 5_000_000_000
    private static let answerLimit: UInt64 = 10_000_000_000
    /// From 1601 to 1970 in 100 ns.
    private static let epoch: Int64 = 116_444_736_000_000_000
    private static let referenceVersion = IntegrationVersion(4, 0)

    package static let stateVersion = 1
    package let unitName = IntegrationIdentity.timeSynchronization.unitName
    private let wallClock: any WallClock
    private var timer: (any PartitionTimer)?
    private var next: UInt64?
    private var mustSet = true

    package init(pump: any ServicePump, wallClock: any WallClock) {
        self.wallClock = wallClock
        super.init(.timeSynchronization, pump: pump)
        timer = pump.makeTimer(name: unitName) { [weak self] in self?.isDue() }
    }

    /// The guest sets its clock soon. For after a pause, in which partition time stood and the world's did not.
    package func resynchronize() {
        mustSet = true
        if isReady { plan(pump.clock.nanoseconds) }
    }

    override func becameReady() {
        mustSet = true
        sendSample()
    }

    private func isDue() {
        guard let next, pump.clock.nanoseconds >= next else { return }
        sendSample()
    }

    private func sendSample() {
        // A sample is worth nothing later: what finds no room is not kept.
        if send(sample, limit: Self.answerLimit, queued: false) { mustSet = false }
        plan(pump.clock.nanoseconds &+ Self.period)
    }

    private var sample: [UInt8] {
        let time = UInt64(max(0, wallClock.unixNanoseconds / 100 + Self.epoch))
        let flags = mustSet ? Flags.set : Flags.sample
        var body = IntegrationFields()
        body.append(time)
        if let version = negotiatedVersion, version >= Self.referenceVersion {
            body.append(pump.clock.nanoseconds / 100)
            body.append(flags)
            body.pad(to: 24)
        } else {
            body.append(UInt64(0))
            body.append(UInt64(0))
            body.append(flags)
            body.pad(to: 28)
        }
        return body.bytes
    }

    override func channelClosed() { plan(nil) }

    private func plan(_ time: UInt64?) {
        next = time
        timer?.arm(at: time)
    }

    package func saveState() throws(StateError) -> State { State(link: link, next: next, mustSet: mustSet) }

    /// Restored time is behind the world's: the guest is told to set its clock as soon as the machine runs.
    package func restoreState(_ state: State, version: Int) throws(StateError) {
        try restoreLink(state.link)
        mustSet = true
        plan(state.next == nil ? nil : 0)
    }
}
