import Basics
import Glibc
import Persistence

/// What the host's start or stop did with one VM.
public struct AutomaticOutcome: Sendable {
    public enum Action: String, Sendable {
        case started, saved
        case shutDown = "shut down"
        case turnedOff = "turned off"
    }
    public var machine: VirtualMachine
    public var action: Action
    /// Why it is not so; nil: it is.
    public var error: (any Error)?
    /// What was done instead, or should be known; nil: nothing.
    public var remark: String?
}

/// `lunavisor host start` and `host stop`: the automatic actions that each VM's configuration names.
extension VirtualMachineHost {
    /// Starts the VMs whose AutomaticStartAction says so, each after its delay, those with the same delay at once. With StartIfRunning
    /// a VM is started that ran when the host was stopped or went down.
    public func startAutomatically(isCancelled: @escaping @Sendable () -> Bool = { false }) throws -> [AutomaticOutcome] {
        guard let store = try store() else { return [] }
        let ran = Set(try HostSettings.read(in: store).runningAtStop ?? [])
        var chosen: [Int: [VirtualMachine]] = [:]
        for machine in try machines() {
            guard let status = try? machine.status(), let configuration = status.configuration, !status.state.hasWorker else { continue }
            let wasRunning = ran.contains(machine.id) || (try? machine.files().folder.wasInterrupted) ?? false
            guard configuration.automaticStartAction == "Start" || configuration.automaticStartAction == "StartIfRunning" && wasRunning
            else { continue }
            chosen[max(0, configuration.automaticStartDelay), default: []].append(machine)
        }
        let begin = HostTime.monotonic()
        var outcomes: [AutomaticOutcome] = []
        for (delay, machines) in chosen.sorted(by: { $0.key < $1.key }) {
            while Double(HostTime.monotonic() - begin) / 1e9 < Double(delay) {
                guard !isCancelled() else { throw ManagementError.stopped }
                usleep(50_000)
            }
            outcomes += ConcurrentWork.map(machines) { machine in
                var outcome = AutomaticOutcome(machine: machine, action: .started)
                do { try machine.start(isCancelled: isCancelled) } catch { outcome.error = error }
                return outcome
            }
        }
        try remember(running: nil, in: store)
        for machine in try machines() { (try? machine.files().folder)?.forgetInterruption() }
        return outcomes
    }

    /// Does to every VM that runs what its AutomaticStopAction says, all at once, and notes which they were. A guest that cannot be
    /// shut down is saved.
    public func stopAutomatically() throws -> [AutomaticOutcome] {
        guard let store = try store() else { return [] }
        let running = try machines().filter { (try? $0.status().state.hasWorker) ?? false }
        try remember(running: running.map(\.id), in: store)
        return ConcurrentWork.map(running) { machine in
            var outcome = AutomaticOutcome(machine: machine, action: .saved)
            do {
                switch try machine.configuration().automaticStopAction {
                case "TurnOff":
                    outcome.action = .turnedOff
                    try machine.turnOff(force: true)
                case "ShutDown":
                    do {
                        try machine.shutDown(force: true)
                        outcome.action = .shutDown
                    } catch let error as any DescribedError {
                        outcome.remark = "its guest could not be shut down: \(error.message)"
                        try machine.save()
                    }
                default: try machine.save()
                }
            } catch { outcome.error = error }
            return outcome
        }
    }

    private func remember(running: [GUID]?, in store: Store) throws {
        try store.locked {
            var settings = try HostSettings.read(in: store)
            guard settings.runningAtStop != running else { return }
            settings.runningAtStop = running
            try settings.write(in: store)
        }
    }
}
