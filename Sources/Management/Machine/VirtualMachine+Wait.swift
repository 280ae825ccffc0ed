import Basics
import Glibc
import Persistence
import WorkerProtocol

/// What `VirtualMachine.wait` waits for.
public enum WaitCondition {
    /// No longer running: Off or Saved, also critical.
    case off
    case state(VirtualMachineState)
    /// Console text that `matches`; it is called with all text from `since` on, later with the last 64 KiB before what is new, and that.
    case console(port: Int, since: ConsoleStart, matches: (String) throws -> Bool)
}

extension VirtualMachine {
    /// Waits until the condition holds. Errors: `WaitTimeout` after `timeout` host seconds, `OperationStopped` when `isCancelled` says so
    /// (asked ten times a second), `VMStopped` when the VM stops without having printed what was waited for, `GuestCrashed` when its guest
    /// has reported a crash and then printed nothing for `crashSilence` host seconds, in which one that restarts by itself would.
    public func wait(
        for condition: WaitCondition, timeout: Double? = nil, crashSilence: Double = 30, isCancelled: () -> Bool = { false }
    ) throws {
        switch condition {
        case .off:
            try waitForState("off", timeout: timeout, isCancelled: isCancelled) { !$0.hasWorker }
        case .state(let wanted):
            try waitForState("in state \(wanted.rawValue)", timeout: timeout, isCancelled: isCancelled) { $0 == wanted }
        case .console(let port, let since, let matches):
            try waitForConsole(
                port: port, since: since, timeout: timeout, crashSilence: crashSilence, isCancelled: isCancelled, matches: matches)
        }
    }

    private func waitForState(
        _ what: String, timeout: Double?, isCancelled: () -> Bool, _ isWanted: (VirtualMachineState) -> Bool
    ) throws {
        let end = timeout.map { WorkerClient.deadline($0) } ?? .max
        while true {
            if isCancelled() { throw ManagementError.stopped }
            let status = try status()
            if status.isResponding, isWanted(status.state) { return }
            guard HostTime.monotonic() < end else { throw timedOut("was not \(what)", timeout) }
            do {
                let (store, folder) = try files()
                guard try folder.hasWorker() else {
                    // Nothing to listen to; another command may start it.
                    usleep(50_000)
                    continue
                }
                let client = try WorkerClient(
                    folder: folder, storeId: store.id, seconds: min(Self.patience, Self.left(until: end)), trace: host.trace)
                _ = try client.ask(StateFollowRequest(), seconds: Self.patience)
                while let frame = try client.next(until: end, isCancelled: isCancelled) {
                    guard frame.kind == .event else { continue }
                    // The end of the worker shows as the end of the connection, when the folder is free.
                    let notice = try ProtocolCodec.decode(StateNotice.self, from: frame.body)
                    if notice.state.hasWorker, isWanted(notice.state) { return }
                }
            } catch is WorkerClient.Failure {
                usleep(5_000)
            }
        }
    }

    private func waitForConsole(
        port: Int, since: ConsoleStart, timeout: Double?, crashSilence: Double, isCancelled: () -> Bool, matches: (String) throws -> Bool
    ) throws {
        var window: [UInt8] = []
        var silenceEnd = WorkerClient.deadline(crashSilence)
        var crash: VirtualMachineEvent?
        let end: VirtualMachineConsole.FollowEnd
        do {
            // Asked ten times a second.
            func isOver() -> Bool {
                if isCancelled() { return true }
                guard HostTime.monotonic() >= silenceEnd else { return false }
                silenceEnd = WorkerClient.deadline(crashSilence)
                crash = guestCrash()
                return crash != nil
            }
            end = try console(port: port).following(from: since, timeout: timeout, isCancelled: isOver) { text in
                silenceEnd = WorkerClient.deadline(crashSilence)
                window = Array(window.suffix(64 << 10)) + text.bytes
                return try !matches(String(decoding: window, as: UTF8.self))
            }
        } catch let stopped as ManagementError where crash != nil && stopped.identifier == ManagementError.stopped.identifier {
            throw ManagementError(
                "GuestCrashed", .invalidOperation,
                "The guest of “\(name)” has crashed and has not printed what was waited for.\(Self.lastWords(crash))",
                action: "Receive-VMConsole \(name) -Tail 40 shows its last words; Restart-VM \(name) -Force starts it anew.", target: name)
        }
        switch end {
        case .refused: return
        case .timeout: throw timedOut("did not print what was waited for", timeout)
        case .stopped:
            let state = try status().state
            throw ManagementError(
                "VMStopped", .invalidOperation, "“\(name)” is \(state.rawValue) and has not printed what was waited for.",
                action: "Receive-VMConsole \(name) -Tail 20 shows its last words, Get-VMEvent \(name) why it stopped.", target: name)
        }
    }

    /// What the guest that runs now has told of its own crash; nil: nothing, or it was started, restored or reset since.
    func guestCrash() -> VirtualMachineEvent? {
        let lives: Set<VirtualMachineEvent.Kind> = [.started, .restored, .reset, .guestCrashed]
        return (try? events())?.last { lives.contains($0.kind) }.flatMap { $0.kind == .guestCrashed ? $0 : nil }
    }

    /// The line of a crash's text that says most, as the end of a message.
    private static func lastWords(_ crash: VirtualMachineEvent?) -> String {
        let lines = crash?.guestText?.split(whereSeparator: \.isNewline) ?? []
        guard let line = lines.last(where: { $0.contains("panic") }) ?? lines.last else { return "" }
        return " It said: \(line.prefix(200))"
    }

    func timedOut(_ what: String, _ timeout: Double?, action: String? = nil) -> ManagementError {
        let crash = guestCrash().map { " Its guest has crashed.\(Self.lastWords($0))" } ?? ""
        return ManagementError(
            "WaitTimeout", .operationTimeout, "“\(name)” \(what) within \(timeout ?? 0) s.\(crash)", action: action, target: name)
    }
}
