import DeviceModel

/// The serial context in which a service runs: everything of one device happens one after another in its pump.
///
/// In Real mode a pump is a thread of its own; in Exact mode its work runs on the VP thread, at a fixed partition time after the guest's
/// request, so that runs repeat (machine.md, "Time"). A stopped pump does nothing; before it stands still it finishes what was posted.
package protocol ServicePump: AnyObject, Sendable {
    var clock: any PartitionClock { get }
    /// False while the work runs on the thread of a virtual processor, in the middle of the guest's signal: what would wait for the host or
    /// take long is posted then, and so happens where it may.
    var mayWait: Bool { get }

    /// Sets what `wake` runs; once, before anything runs.
    func setWork(_ work: @escaping () -> Void)
    /// Runs the work soon. Any thread, never blocks, cheap when the pump is busy; many wakes may become one run. This is what a guest's
    /// signal does.
    func wake()
    /// Runs `body` in the pump's context and returns its result. Not from inside the context; also works while the pump stands still.
    func perform<Result>(_ body: () throws -> Result) rethrows -> Result
    /// Runs `body` in the context later. Any thread, also from inside. In Exact mode only for what follows from the guest's own doing.
    func post(_ body: @escaping () -> Void)
    /// Runs `body` when what runs now has returned, before anything else if that is possible. From inside the context.
    func follow(_ body: @escaping () -> Void)
    /// A timer whose action runs in the context.
    func makeTimer(name: String, action: @escaping () -> Void) -> any PartitionTimer
    /// Runs `action` in the context whenever the host descriptor is ready for `events` (POLLIN, POLLOUT), level-triggered: an action that
    /// leaves it ready is called again. What comes so is input from outside. Replaces an earlier watch; nil events: ends it.
    /// A device whose pump serves its callers watches for POLLIN alone, and its action takes the readiness back.
    func watch(_ descriptor: Int32, events: Int16?, action: @escaping () -> Void)
}

extension ServicePump {
    package var mayWait: Bool { true }
    package func follow(_ body: @escaping () -> Void) { post(body) }
}
