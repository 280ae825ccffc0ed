import Basics
import Boot
import DeviceModel
import WorkerProtocol

/// The verbs. Each is synchronous, may come from any thread, and waits for the one before it.
extension Machine {
    /// The state now.
    package var state: VirtualMachineState { stateLock.withLock { currentState } }

    /// Waits until `condition` holds of the state, at most `seconds` of host time; false: it does not.
    package func wait(seconds: Double, until condition: (VirtualMachineState) -> Bool) -> Bool {
        let deadline = HostTime.monotonic() &+ UInt64(max(seconds, 0) * 1e9)
        return stateLock.withLock {
            while !condition(currentState) {
                guard HostTime.monotonic() < deadline else { return false }
                stateLock.wait(untilMonotonic: deadline)
            }
            return true
        }
    }

    /// Off → running: loads the boot files and lets the processors go. With `paused` they do not go yet.
    package func start(paused: Bool = false) throws(MachineError) {
        try exclusively { () throws(MachineError) in
            try require(state == .off, "it is \(state.rawValue), not Off")
            become(.starting)
            do throws(MachineError) { try powerOn() } catch {
                become(.off)
                throw error
            }
            announce(.started, .information, "The machine started.")
            if lacksTranslator {
                announce(
                    .unsupported, .warning, "The host refuses executable memory: the interpreter runs the processors, not the translator.")
            }
            if lacksBMI2 {
                announce(.unsupported, .information, "The host's processor has no BMI2: translated code is a little slower here.")
            }
            if !isEnlightened, configuration.adapters.contains(where: { $0.switchId != nil }) {
                announce(
                    .unsupported, .warning,
                    "The guest is not shown its network adapters: its architecture is TrapAndEmulate, and there is no emulated network card."
                )
            }
            goOn(running: !paused)
        }
    }

    package func pause() throws(MachineError) {
        try exclusively { () throws(MachineError) in
            try require(state == .running, "it is \(state.rawValue), not Running")
            become(.pausing)
            try standStill(from: .running)
            announce(.paused, .information, "The machine was paused.")
            goOn(running: false)
        }
    }

    package func resume() throws(MachineError) {
        try exclusively { () throws(MachineError) in
            try require(state == .paused || state == .pausedCritical, "it is \(state.rawValue), not Paused")
            become(.resuming)
            announce(.resumed, .information, "The machine goes on.")
            goOn(running: true)
            stack.resumed()
            if let channel = devices.ataChannel { scheduler.perform { [bus] _ in bus.withLock { channel.resume() } } }
        }
    }

    /// A hard reset: RAM is cleared and the boot files are loaded again; the machine runs afterwards.
    package func reset() throws(MachineError) {
        try exclusively { () throws(MachineError) in
            let before = state
            try require(before.transition(.reset) != nil, "it is \(before.rawValue), not Running or Paused")
            become(.reset)
            try stand(orBackTo: before)
            discardRequests()
            try restart("The machine was reset.", .information)
        }
    }

    package func turnOff() throws(MachineError) {
        try exclusively { () throws(MachineError) in
            let before = state
            try require(before.transition(.turnOff) != nil, "it is \(before.rawValue), not Running or Paused")
            become(.stopping)
            try stand(orBackTo: before)
            discardRequests()
            end(MachineEvent(.turnedOff, .information, "The machine was turned off."))
        }
    }

    /// Ends all threads; the machine cannot be used afterwards. Nothing is announced but what happened before.
    package func close() {
        let wasOpen = lifecycle.withLock { () -> Bool in
            guard !isClosed else { return false }
            isClosed = true
            // Memory and devices cannot go while anything uses them.
            while standAll() != nil {}
            scheduler.close()
            stack.close()
            try? hypervisor.deletePartition(as: hypervisor.root, partition)
            return true
        }
        if wasOpen { announcer.close() }
    }

    /// Returns when the delegate has heard of everything so far.
    package func drain() { announcer.drain() }

    // MARK: Steps of verbs; all under `lifecycle`

    func exclusively<Result>(_ body: () throws(MachineError) -> Result) throws(MachineError) -> Result {
        lifecycle.lock()
        defer { lifecycle.unlock() }
        guard !isClosed else { throw MachineError(.wrongState, detail: "it is closed") }
        return try body()
    }

    func require(_ condition: Bool, _ detail: @autoclosure () -> String) throws(MachineError) {
        if !condition { throw MachineError(.wrongState, detail: detail()) }
    }

    func become(_ state: VirtualMachineState) {
        stateLock.withLock {
            currentState = state
            announcer.state(state)
            stateLock.wakeAll()
        }
    }

    func announce(_ kind: MachineEvent.Kind, _ severity: MachineEvent.Severity, _ text: String) {
        announcer.event(MachineEvent(kind, severity, text, partitionTime: clock.nanoseconds))
    }

    /// Ends in Running or Paused. Precondition: everything stands.
    func goOn(running: Bool) {
        partition.setRunning(running)
        become(running ? .running : .paused)
        if running { runAll() }
    }

    /// Lets processors, timers and services go on.
    func runAll() {
        stack.run()
        scheduler.run()
    }

    /// Stops processors and timers, then the services, which finish what they are at. What has not come to rest within the machine's
    /// patience is said; it stands as soon as it does, until `runAll`.
    func standAll() -> String? {
        let deadline = HostTime.monotonic() &+ patience
        return scheduler.stop(by: deadline) ?? stack.stop(by: deadline)
    }

    /// Everything stands, or the machine goes on as before, in the state it had.
    func stand(orBackTo before: VirtualMachineState) throws(MachineError) {
        guard let restless = standAll() else { return }
        // What the guest asked for is still to be done, and until then it goes no further.
        if before == .running, pendingRequest.withLock({ $0 == nil }) { runAll() }
        become(before)
        throw MachineError(.restless, detail: restless)
    }

    /// Everything stands afterwards, or the machine goes on; what the guest asked for meanwhile is done first. false: the guest cannot go on.
    @discardableResult
    func standStill(from before: VirtualMachineState) throws(MachineError) -> Bool {
        try stand(orBackTo: before)
        guard let request = pendingRequest.withLock({ $0.take() }) else { return true }
        switch consequence(of: request) {
        case .restart(let text, let kind, let severity):
            announce(kind, severity, text)
            try powerOnOrEnd()
        case .end(let event):
            end(event)
            throw MachineError(.wrongState, detail: "the guest ended it meanwhile")
        case .stand(let event):
            announcer.event(event)
            return false
        }
        return true
    }

    /// Power-up state of everything, boot files loaded. Precondition: everything stands.
    func powerOn() throws(MachineError) {
        if !isPristine { memory.clear() }
        _ = memory.resize(to: memory.initialSize)
        isPristine = false
        imageBase = nil
        discardRequests()
        guestEvents.store(0, ordering: .relaxed)
        partition.reset()
        bus.withLock { devices.reset() }
        stack.reset()
        let start: BootState
        do throws(BootError) {
            start = try boot.load(into: memory, hardware: hardware, randomSeed: drawSeed())
        } catch { throw MachineError(.boot, cause: error) }
        if let first = partition.processors.first {
            var state = first.engine.state
            start.apply(to: &state)
            first.engine.state = state
        }
        scheduler.processorsChanged()
        (startedAt, generationId) = (clock.nanoseconds, hardware.generationId)
    }

    /// Powers on again, or ends the machine with an event that says why it could not.
    func powerOnOrEnd() throws(MachineError) {
        do throws(MachineError) { try powerOn() } catch {
            end(MachineEvent(.failure, .critical, "The machine could not be started again: \(error.message)"))
            throw error
        }
    }

    func restart(_ text: String, _ severity: MachineEvent.Severity, kind: MachineEvent.Kind = .reset) throws(MachineError) {
        announce(kind, severity, text)
        resets.wrappingAdd(1, ordering: .relaxed)
        try powerOnOrEnd()
        goOn(running: true)
    }

    /// Off. Precondition: everything stands.
    func end(_ event: MachineEvent) {
        var event = event
        event.partitionTime = clock.nanoseconds
        partition.setRunning(false)
        announcer.event(event)
        become(.off)
    }

    func discardRequests() { pendingRequest.withLock { $0 = nil } }

    /// 32 random bytes for the guest: from the seed in Exact mode, which every start begins anew.
    private func drawSeed() -> [UInt8] {
        if let seed {
            var generator = SeededGenerator(seed: seed)
            return (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        }
        var generator = SystemRandomNumberGenerator()
        return (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }
}
