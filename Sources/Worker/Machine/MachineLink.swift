import HypervisorCore

/// Ties scheduler, devices and partition back to their machine without keeping it alive.
final class MachineLink: SchedulerClient, PartitionObserver, @unchecked Sendable {
    // Safety: set at the end of the machine's init, before anything runs; weak references are read atomically.
    weak var machine: Machine?

    /// A device's wish, under the machine lock on the VP's thread: the guest goes no further.
    func request(_ request: GuestRequest) {
        machine?.scheduler.freeze()
        machine?.received(request)
    }

    /// Something that a service has to tell.
    func note(_ text: String) { machine?.received(note: text) }

    /// The guest took a medium out of its drive.
    func ejected(_ drive: DrivePlace) { machine?.received(ejection: drive) }

    func scheduler(received request: GuestRequest) { machine?.received(request) }
    func schedulerFoundDeadlyHalt() { machine?.foundDeadlyHalt() }
    func schedulerReachedCount() { machine?.reachedStopCount() }
    func partition(_ partition: Partition, reports event: PartitionEvent) { machine?.received(event) }
}
