import Persistence
import WorkerProtocol

/// What the machine tells, on its own thread.
extension WorkerInstance: MachineDelegate {
    package func machine(console port: Int, wrote bytes: [UInt8]) {
        guard let port = ports.withLock({ $0.first { $0.number == port } }) else { return }
        port.append(bytes)
        server?.wake()
    }

    package func machine(happened event: MachineEvent) {
        let details = [VirtualMachineEvent.Detail(name: "PartitionTimeNanoseconds", value: String(event.partitionTime))]
        switch event.kind {
        case .started, .restored, .paused, .resumed, .saved, .turnedOff:
            // Whoever asked for it is in the event that the verb writes.
            return
        case .reset:
            for port in ports.withLock({ $0 }) { port.beginSession() }
            let isOurs = phase.withLock { phase in
                guard phase.ownResets > 0 else { return false }
                phase.ownResets -= 1
                return true
            }
            guard !isOurs else { return }
            log.note(VirtualMachineEvent(.reset, level: level(event), message: "The guest reset the VM.", guestText: nil, details: details))
        case .guestPowerOff:
            stopped(VirtualMachineEvent(.stopped, message: "The guest powered itself off.", details: details))
        case .guestCrash:
            let parameters = (event.parameters ?? []).enumerated().map {
                VirtualMachineEvent.Detail(name: "P\($0.offset)", value: "0x" + String($0.element, radix: 16))
            }
            log.note(
                VirtualMachineEvent(
                    .guestCrashed, level: .critical, message: event.text, guestText: event.guestText, details: details + parameters))
        case .tripleFault:
            log.note(VirtualMachineEvent(.tripleFault, level: .critical, message: event.text, details: details))
        case .guestExit:
            stopped(VirtualMachineEvent(.stopped, message: event.text, details: details))
        case .ejected:
            guard let drive = event.drive else { return }
            phase.withLock { $0.ejections.append(drive) }
            actions.add { [self] in recordEjections() }
        case .deadlyHalt, .unsupported, .service, .diskFull, .lost, .failure:
            log.note(
                VirtualMachineEvent(
                    .init(rawValue: kindName(event.kind)), level: level(event), message: event.text, guestText: event.guestText,
                    details: details))
        }
    }

    package func machine(took input: MachineInput) {
        do { try inputs.append(input) } catch {
            log.note(
                VirtualMachineEvent(
                    .notice, level: .warning,
                    message: "What enters from outside is not recorded any more, so this run cannot be repeated from its log: \(error)"))
        }
    }

    package func machine(changedTo state: VirtualMachineState) {
        let isActing = phase.withLock { $0.isActing || $0.hasEnded }
        if state.hasWorker {
            // A VM that starts is Starting for everybody until it runs.
            update(state: state, isRecorded: phase.withLock { $0.fallback != .starting })
        } else if !isActing {
            actions.add { [self] in
                // A verb that came first may have ended it, or reset it into life.
                guard phase.withLock({ $0.machine })?.state.hasWorker == false else { return }
                end(in: .off, reason: "The VM stopped by itself; the event before this one says why.")
            }
        }
    }

    private func level(_ event: MachineEvent) -> VirtualMachineEvent.Level {
        switch event.severity {
        case .information: .information
        case .warning: .warning
        case .error, .critical: .critical
        }
    }

    private func kindName(_ kind: MachineEvent.Kind) -> String {
        switch kind {
        case .deadlyHalt: "DeadlyHalt"
        case .unsupported: "Unsupported"
        case .service: "ServiceTrouble"
        case .diskFull: "DiskFull"
        case .lost: "Lost"
        default: "MachineFailure"
        }
    }
}
