import Basics
import Glibc
import Persistence
import WorkerProtocol

extension VirtualMachine {
    /// Cuts the power. With `force` a worker that does not answer is ended: its process is killed, if it is still the one that the run
    /// record names. From Saved the saved state is thrown away.
    public func turnOff(force: Bool = false, isCancelled: () -> Bool = { false }) throws {
        let status = try status()
        guard status.isResponding else {
            guard force else { throw ManagementError.silent(name, process: status.workerProcessId) }
            return try endSilentWorker()
        }
        guard status.state.transition(.turnOff) != nil else { throw ManagementError.refused("turned off", name, state: status.state) }
        if status.state == .saved { return try removeSavedState() }
        do {
            try perform(.turnOff, seconds: force ? 10 : 60, isCancelled: isCancelled)
        } catch let error as ManagementError where force && error.identifier == "WorkerNotResponding" {
            try endSilentWorker()
        }
    }

    /// Cuts the power where a worker lives, without a look at what it does before. One that does not answer is ended.
    func endRun(isCancelled: () -> Bool = { false }) throws {
        guard try files().folder.hasWorker() else { return }
        do {
            try perform(.turnOff, seconds: 10, isCancelled: isCancelled)
        } catch let error as ManagementError where error.identifier == "WorkerNotResponding" {
            try endSilentWorker()
        } catch {
            // It stopped by itself meanwhile.
            guard try files().folder.hasWorker() else { return }
            throw error
        }
    }

    /// Saves the running or suspended VM; its worker ends.
    public func save(isCancelled: () -> Bool = { false }) throws { try perform(.save, seconds: 3_600, isCancelled: isCancelled) }

    public func suspend() throws { try perform(.pause, seconds: 60) }

    public func resume() throws { try perform(.resume, seconds: 60) }

    /// A hard reset: the guest is not asked.
    public func reset() throws { try perform(.reset, seconds: 60) }

    /// Throws the saved state away; the VM is Off then.
    public func removeSavedState() throws {
        try writing("rid of its saved state") { folder in
            let configuration = try? folder.readConfiguration()
            guard folder.isSaved(configuration) else { throw ManagementError.refused("rid of its saved state", name, state: .off) }
            try folder.folder.remove(VirtualMachineFolder.savedStateName)
            if var configuration, configuration.savedMemory != nil {
                configuration.savedMemory = nil
                try folder.write(configuration)
                folder.removeUnusedMemory(configuration)
            }
            folder.folder.synchronize()
            let initiator = CurrentUser.initiator
            _ = try? EventLog(folder: folder.folder).append(
                VirtualMachineEvent(
                    .savedStateRemoved, level: .warning, message: "Saved state removed by \(initiator.user).", initiator: initiator))
        }
    }

    /// Asks the worker to do `verb`; returns when it is done, and where it ends the worker, when the folder is free.
    private func perform(_ verb: VirtualMachineVerb, seconds: Double, isCancelled: () -> Bool = { false }) throws {
        let (_, folder) = try files()
        let client = try liveClient(verb)
        do {
            _ = try client.ask(VerbRequest(verb), seconds: seconds, isCancelled: isCancelled)
        } catch WorkerClient.Failure.timeout {
            throw ManagementError.silent(name, process: folder.readRunRecord()?.processId)
        } catch WorkerClient.Failure.closed {
            try settleIfDead()
            let state = try status().state
            // It stopped by itself while we asked; where that is what was wanted, it is done.
            guard verb == .turnOff && !state.hasWorker || verb == .save && state == .saved else {
                throw ManagementError(
                    "WorkerFailed", .operationStopped,
                    "The worker of “\(name)” ended before it was \(verb == .save ? "saved" : "done"); the VM is \(state.rawValue).",
                    action: "Get-VMEvent \(name) says why.", target: name)
            }
        }
        guard verb == .turnOff || verb == .save else { return }
        guard client.waitForEnd(seconds: 10) else { throw ManagementError.silent(name, process: folder.readRunRecord()?.processId) }
    }

    /// A connection to the worker that must be there for `verb`.
    private func liveClient(_ verb: VirtualMachineVerb) throws -> WorkerClient {
        let end = WorkerClient.deadline(5)
        while true {
            let (store, folder) = try files()
            guard try folder.hasWorker() else { throw ManagementError.refused(verb.participle, name, state: try status().state) }
            do {
                return try WorkerClient(folder: folder, storeId: store.id, seconds: Self.patience, trace: host.trace)
            } catch WorkerClient.Failure.absent, WorkerClient.Failure.closed {
                guard HostTime.monotonic() < end else { throw ManagementError.silent(name, process: folder.readRunRecord()?.processId) }
                usleep(3_000)
            } catch WorkerClient.Failure.timeout {
                throw ManagementError.silent(name, process: folder.readRunRecord()?.processId)
            }
        }
    }

    /// Asks a worker that may be there; nil when none lives. A silent one is an error.
    func askIfRunning<Request: WorkerRequest>(
        _ request: Request, seconds: Double = patience, descriptors: [Int32] = [], isCancelled: () -> Bool = { false },
        event: ([UInt8]) -> Void = { _ in }
    ) throws -> Request.Reply? {
        let end = WorkerClient.deadline(seconds)
        while true {
            let (store, folder) = try files()
            guard try folder.hasWorker() else { return nil }
            do {
                let client = try WorkerClient(folder: folder, storeId: store.id, seconds: Self.left(until: end), trace: host.trace)
                return try client.ask(
                    request, seconds: Self.left(until: end), descriptors: descriptors, isCancelled: isCancelled, event: event)
            } catch WorkerClient.Failure.absent, WorkerClient.Failure.closed {
                guard HostTime.monotonic() < end else { throw ManagementError.silent(name, process: folder.readRunRecord()?.processId) }
                usleep(3_000)
            } catch WorkerClient.Failure.timeout {
                throw ManagementError.silent(name, process: folder.readRunRecord()?.processId)
            }
        }
    }
}
