import Basics
import DeviceModel
import HypervisorCore
import Processor
import Synchronization
import WorkerProtocol

/// What the guest does that changes the machine's state, and what it says.
extension Machine {
    /// The third triple fault within this many nanoseconds of partition time turns the machine off.
    private static let tripleFaultWindow: UInt64 = 30_000_000_000
    private static let tripleFaultLimit = 3

    enum Consequence {
        case restart(String, MachineEvent.Kind, MachineEvent.Severity)
        case end(MachineEvent)
        /// The guest cannot go on; its state stays to be looked at.
        case stand(MachineEvent)
    }

    /// From a VP's thread, which goes no further: a helper thread does what must be done.
    func received(_ request: GuestRequest) {
        let isFirst = pendingRequest.withLock { pending in
            guard pending == nil else { return false }
            pending = request
            return true
        }
        guard isFirst else { return }
        HostThread(name: "guest request") { [weak self] in self?.carryOutRequest() }.detach()
    }

    private func carryOutRequest() {
        var isNews = true
        while !tryToCarryOutRequest(announcing: isNews) { isNews = false }
    }

    /// false: the machine does not come to rest. The guest goes no further, and other verbs have their turn before the next attempt.
    private func tryToCarryOutRequest(announcing: Bool) -> Bool {
        var isDone = true
        try? exclusively { () throws(MachineError) in
            // A verb that came in between has done it already, or does it when the machine goes on.
            guard state == .running, pendingRequest.withLock({ $0 != nil }) else { return }
            if let restless = standAll() {
                isDone = false
                if announcing {
                    announce(
                        .failure, .critical, "The guest's wish is held up, the machine cannot be brought to a standstill: \(restless).")
                }
                return
            }
            guard let request = pendingRequest.withLock({ $0.take() }) else { return goOn(running: true) }
            switch consequence(of: request) {
            case .restart(let text, let kind, let severity):
                become(.reset)
                try restart(text, severity, kind: kind)
            case .end(let event):
                become(.stopping)
                end(event)
            case .stand(let event):
                announcer.event(event)
                partition.setRunning(false)
                become(.pausedCritical)
            }
        }
        return isDone
    }

    /// Judges a request and keeps the history of triple faults.
    func consequence(of request: GuestRequest) -> Consequence {
        let now = clock.nanoseconds
        switch request {
        case .reset(let text): return .restart(text, .reset, .information)
        case .powerOff: return .end(MachineEvent(.guestPowerOff, .information, "The guest turned itself off."))
        case .exit(let code):
            var event = MachineEvent(.guestExit, .information, "The guest program ended with code \(code).")
            event.parameters = [UInt64(code)]
            return .end(event)
        case .unsupported(let what, let processor):
            let text = "Virtual processor \(processor) was asked for what is not there: \(what). The machine stands still."
            return .stand(MachineEvent(.unsupported, .critical, text, partitionTime: now))
        case .diskFull(let text):
            return .stand(MachineEvent(.diskFull, .critical, text, partitionTime: now))
        case .tripleFault(let processor):
            tripleFaults = tripleFaults.filter { now - min($0, now) < Self.tripleFaultWindow } + [now]
            let place = partition.processors.indices.contains(processor) ? partition.processors[processor].engine.instructionPointer : 0
            let text = "Virtual processor \(processor) had a triple fault at \(hexadecimal(place))"
            if tripleFaults.count >= Self.tripleFaultLimit {
                tripleFaults = []
                let reason = text + ", the third within 30 seconds: the machine was turned off."
                return .end(MachineEvent(.tripleFault, .critical, reason))
            }
            return .restart(text + ": the machine was reset.", .tripleFault, .critical)
        }
    }

    func foundDeadlyHalt() {
        announce(.deadlyHalt, .warning, "All virtual processors are halted with interrupts off; only a reset or turning off ends this.")
    }

    func reachedStopCount() {
        stateLock.withLock {
            reachedCount = true
            stateLock.wakeAll()
        }
    }

    /// A guest can repeat these without end: from a start or reset on, only the first few are told.
    private static let guestEventLimit = 16

    func received(_ event: PartitionEvent) {
        if case .guestIdentified = event { return }
        let number = guestEvents.wrappingAdd(1, ordering: .relaxed).newValue
        guard number <= Self.guestEventLimit else {
            if number == Self.guestEventLimit + 1 { announce(.lost, .warning, "The guest goes on reporting; the rest is not recorded.") }
            return
        }
        switch event {
        case .guestCrashed(let report):
            var line = MachineEvent(.guestCrash, .critical, "The guest reported a crash.", partitionTime: clock.nanoseconds)
            (line.guestText, line.parameters) = (report.text, report.parameters)
            announcer.event(line)
        case .guestIdentified: break
        case .note(.taskSwitchRefused, let processor):
            announce(.unsupported, .error, "Virtual processor \(processor) tried a hardware task switch, which is not there.")
        }
    }

    /// A service tells of trouble with the guest or with what stands behind it.
    func received(note text: String) {
        let number = guestEvents.wrappingAdd(1, ordering: .relaxed).newValue
        guard number <= Self.guestEventLimit else {
            if number == Self.guestEventLimit + 1 { announce(.lost, .warning, "The guest goes on reporting; the rest is not recorded.") }
            return
        }
        var line = MachineEvent(.service, .warning, "A synthetic device reports trouble.", partitionTime: clock.nanoseconds)
        line.guestText = text
        announcer.event(line)
    }

    /// The medium is out and its file closed; whoever keeps the configuration must hear of it, so these are not counted.
    func received(ejection drive: DrivePlace) {
        var line = MachineEvent(.ejected, .information, "The guest ejected a medium.", partitionTime: clock.nanoseconds)
        line.drive = drive
        announcer.event(line)
    }

    private func hexadecimal(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
}
