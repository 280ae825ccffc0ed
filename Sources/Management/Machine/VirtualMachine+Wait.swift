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
    /// (asked ten times a second), `VMStopped` when the VM stops without having printed what was waited for.
    public func wait(for condition: WaitCondition, timeout: Double? = nil, isCancelled: () -> Bool = { false }) throws {
        switch condition {
        case .off:
            try waitForState("off", timeout: timeout, isCancelled: isCancelled) { !$0.hasWorker }
        case .state(let wanted):
            try waitForState("in state \(wanted.rawValue)", timeout: timeout, isCancelled: isCancelled) { $0 == wanted }
        case .console(let port, let since, let matches):
            try waitForConsole(port: port, since: since, timeout: timeout, isCancelled: isCancelled, matches: matches)
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
        port: Int, since: ConsoleStart, timeout: Double?, isCancelled: () -> Bool, matches: (String) throws -> Bool
    ) throws {
        var window: [UInt8] = []
        let end = try console(port: port).following(from: since, timeout: timeout, isCancelled: isCancelled) { text in
            window = Array(window.suffix(64 << 10)) + text.bytes
            return try !matches(String(decoding: window, as: UTF8.self))
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

    private func timedOut(_ what: String, _ timeout: Double?) -> ManagementError {
        ManagementError("WaitTimeout", .operationTimeout, "“\(name)” \(what) within \(timeout ?? 0) s.", target: name)
    }
}
