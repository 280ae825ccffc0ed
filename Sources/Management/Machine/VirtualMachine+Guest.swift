import Basics
import Glibc
import Persistence
import WorkerProtocol

/// What needs the guest's help, through its integration services.
extension VirtualMachine {
    /// Seconds that a guest's driver may take to answer a request.
    static let guestPatience = 30.0
    /// Seconds that a guest may take to shut down once it has accepted; the module's own limit for a forced shutdown is five minutes too.
    public static let shutDownPatience = 300.0

    /// What the guest reports; nil when the VM is off. A worker that does not answer is an error.
    public func guestInformation() throws -> GuestInformation? { try askIfRunning(GuestInformationRequest()) }

    /// Asks the guest to shut down and waits until the VM is off. Errors: `IntegrationServiceDisabled`, `IntegrationServiceMissing`,
    /// `GuestNotResponding` (no answer, or not off in time), `GuestRefused`; nothing has changed then, but a guest that has accepted may
    /// still stop later.
    public func shutDown(
        force: Bool = false, timeout: Double = VirtualMachine.shutDownPatience, isCancelled: () -> Bool = { false }
    ) throws {
        let status = try status()
        guard status.isResponding else { throw ManagementError.silent(name, process: status.workerProcessId) }
        guard status.state.transition(.shutDown) != nil else { throw ManagementError.refused("shut down", name, state: status.state) }
        try askGuest(
            ShutdownRequest(
                .shutdown, isForced: force, timeoutSeconds: Self.guestPatience, reason: "Shut down by \(CurrentUser.name)"),
            isCancelled: isCancelled)
        do {
            try wait(for: .off, timeout: timeout, isCancelled: isCancelled)
        } catch let error as ManagementError where error.identifier == "WaitTimeout" {
            throw ManagementError(
                "GuestNotResponding", .operationTimeout,
                "The guest of “\(name)” accepted the shutdown, but is still running after \(Int(timeout)) s.",
                action:
                    "Look at its console (Receive-VMConsole \(name) -Tail 20), wait on (Wait-VM \(name) -For Off), or turn it off (Stop-VM \(name) -TurnOff).",
                target: name)
        }
    }

    /// Asks the guest to restart; returns when it has accepted. Errors as `shutDown`.
    public func restartGuest(force: Bool = false, isCancelled: () -> Bool = { false }) throws {
        let status = try status()
        guard status.state == .running else { throw ManagementError.refused("restarted", name, state: status.state) }
        try askGuest(
            ShutdownRequest(.restart, isForced: force, timeoutSeconds: Self.guestPatience, reason: "Restarted by \(CurrentUser.name)"),
            isCancelled: isCancelled)
    }

    /// Raises a non-maskable interrupt at the guest's first virtual processor. Throws `InvalidState` unless it runs.
    public func injectNonMaskableInterrupt() throws {
        let status = try status()
        guard status.state == .running else { throw ManagementError.refused("interrupted", name, state: status.state) }
        try askGuest(InterruptRequest())
    }

    /// Sets pairs of the host in the guest's key-value exchange; a nil value removes the pair.
    public func setKeyValues(_ pairs: [(key: String, value: String?)]) throws {
        let changes = pairs.map { pair in pair.value.map { .set(key: pair.key, value: $0) } ?? KeyValueRequest.Change.remove(key: pair.key)
        }
        try askGuest(KeyValueRequest(changes))
    }

    /// Gives one of the guest's adapters addresses.
    public func configureAddresses(adapter: GUID, _ configuration: IPConfiguration) throws {
        try askGuest(IPConfigurationRequest(adapter: adapter, configuration))
    }

    /// Copies a file of this host into the guest. `progress` hears the fraction that is done. Errors: `FileNotFound`, `AccessDenied`,
    /// `GuestFileExists`, `GuestPathNotFound`, `GuestDiskFull`, and as `shutDown`.
    public func copyFile(
        from source: String, to destination: String, createsFolders: Bool, overwrites: Bool, isCancelled: () -> Bool = { false },
        progress: (Double) -> Void = { _ in }
    ) throws {
        let path = Paths.absolute(source)
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw PersistenceError.system(errno, "read", path: path) }
        let file = OpenFile(descriptor: descriptor, path: path)
        guard try file.status().st_mode & S_IFMT == S_IFREG else {
            throw ManagementError("FileNotFound", .invalidArgument, "“\(path)” is not a file.", target: path)
        }
        guard destination.hasPrefix("/"), !destination.hasSuffix("/") else {
            throw ManagementError(
                "GuestPathInvalid", .invalidArgument, "“\(destination)” is not an absolute path of a file in the guest.",
                action: "Name folder and file, as in -DestinationPath /tmp/file.", target: destination)
        }
        let request = FileCopyRequest(destination: destination, createsFolders: createsFolders, overwrites: overwrites)
        try askGuest(request, seconds: 86_400, descriptor: file.descriptor, isCancelled: isCancelled) { body in
            guard let step = try? ProtocolCodec.decode(FileCopyProgress.self, from: body), step.total > 0 else { return }
            progress(Double(step.done) / Double(step.total))
        }
    }

    /// Asks the worker for something that needs the guest; the VM must have a worker.
    private func askGuest<Request: WorkerRequest>(
        _ request: Request, seconds: Double = guestPatience + 5, descriptor: Int32? = nil, isCancelled: () -> Bool = { false },
        event: ([UInt8]) -> Void = { _ in }
    ) throws {
        let (store, folder) = try files()
        guard try folder.hasWorker() else { throw ManagementError.refused("asked", name, state: try status().state) }
        do {
            let client = try WorkerClient(folder: folder, storeId: store.id, seconds: Self.patience, trace: host.trace)
            _ = try client.ask(
                request, seconds: seconds, descriptors: descriptor.map { [$0] } ?? [], isCancelled: isCancelled, event: event)
        } catch let error as WorkerClient.Failure {
            switch error {
            case .timeout:
                throw ManagementError(
                    "GuestNotResponding", .operationTimeout, "The guest of “\(name)” did not answer within \(Int(seconds)) s.",
                    action: "Get-VMIntegrationService \(name) shows which services answer.", target: name)
            case .absent, .closed:
                try settleIfDead()
                throw ManagementError(
                    "VMStopped", .invalidOperation, "“\(name)” stopped before its guest had answered.",
                    action: "Get-VMEvent \(name) says why.", target: name)
            }
        }
    }
}
