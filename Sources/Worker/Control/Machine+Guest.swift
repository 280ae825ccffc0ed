import Basics
import DeviceModel
import Glibc
import Persistence
import Services
import Synchronization
import WorkerProtocol

/// Talking with the guest through its integration services.
extension Machine: GuestControlling {
    package func apply(_ changes: [ConfigurationChange], _ devices: HandedDevices) throws {
        try exclusively { () throws(MachineError) in
            do { try stack.apply(changes, devices) } catch let error as MachineError { throw error } catch {
                throw MachineError(.assembly, detail: "\(error)", cause: error as? any DescribedError)
            }
        }
    }

    package func shutDownGuest(_ request: ShutdownRequest) throws {
        let service = stack.integration.shutdown
        let _: Void = try answer(service, within: request.timeoutSeconds) { done in
            stack.log(.shutdown, request)
            service.requestShutdown(
                request.kind == .restart ? .restart : .powerOff, force: request.isForced, reason: request.reason, completion: done)
        }
    }

    package func change(keyValues: [KeyValueRequest.Change]) throws {
        let service = stack.integration.keyValueExchange
        for change in keyValues {
            let _: Void = try answer(service) { done in
                stack.log(.keyValues, change)
                switch change {
                case .set(let key, let value): service.setHostItem(key: key, value: value, completion: done)
                case .remove(let key): service.removeHostItem(key: key, completion: done)
                }
            }
        }
    }

    package func configure(ip: IPConfiguration, adapter: GUID) throws {
        let service = stack.integration.keyValueExchange
        let isIPv6 = ip.addresses.first?.contains(":") ?? false
        let settings = GuestAddressSettings(
            adapter: adapter, dhcp: ip.usesDHCP, family: isIPv6 ? .ipv6 : .ipv4, addresses: ip.addresses, subnets: ip.subnets,
            gateways: ip.gateways, dnsServers: ip.nameServers)
        let _: Void = try answer(service) { done in
            stack.log(.addresses, IPConfigurationRequest(adapter: adapter, ip))
            service.setAddresses(settings, completion: done)
        }
    }

    package func freeze(_ request: FreezeRequest) throws {
        let service = stack.integration.vss
        let limit = UInt64(min(max(request.limitSeconds ?? 60, 1), 600) * 1e9)
        let _: Void = try answer(service, within: 90) { done in
            stack.log(.freeze, request)
            if request.isFrozen { service.freeze(limit: limit, completion: done) } else { service.thaw(completion: done) }
        }
    }

    package func type(_ request: KeyboardRequest) throws {
        guard isEnlightened else { throw unenlightened("KeyboardRefused", "keyboard") }
        guard configuration.consoleSupport ?? true else {
            throw WorkerError(
                "KeyboardRefused", .invalidOperation, "“\(configuration.name)” has no keyboard.",
                action: "Give it one while it is off: Enable-VMConsoleSupport \(configuration.name)", target: configuration.name)
        }
        let keyboard = stack.integration.keyboard
        let isTyped = stack.control.perform {
            stack.log(.keyboard, request)
            return (request.text.map { keyboard.type(text: $0) } ?? true)
                && (request.scanCodes.map { keyboard.type(scanCodes: $0) } ?? true)
        }
        guard isTyped else {
            throw WorkerError(
                "KeyboardRefused", .invalidArgument, "This cannot be typed at the keyboard of “\(configuration.name)”.",
                action: "Use characters of a US keyboard, few enough that the guest keeps up.", target: configuration.name)
        }
    }

    package func interrupt() throws {
        stack.control.perform {
            stack.log(.interrupt, [String]())
            partition.processors.first?.apic.accept(request: .nonMaskable, vector: 0)
        }
    }

    package func isEmpty(_ drive: DrivePlace) -> Bool {
        guard let (_, controller) = stack.inventory.controllers.first(where: { $0.id == drive.controller }) else { return false }
        return controller.device.isEmpty(location: drive.location)
    }

    package func copyFile(_ request: FileCopyRequest, from descriptor: Int32, progress: (FileCopyProgress) -> Bool) throws {
        let service = stack.integration.fileCopy
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_size >= 0 else {
            throw WorkerError("CopySourceUnreadable", .readError, "The file to copy cannot be read.")
        }
        let size = UInt64(status.st_size)
        let copy = GuestFileCopy(
            destination: request.destination, size: size, overwrite: request.overwrites, createPath: request.createsFolders,
            read: { [stack] offset, count in
                var bytes = [UInt8](repeating: 0, count: count)
                let taken = pread(descriptor, &bytes, count, off_t(offset))
                guard taken == count else {
                    throw WorkerError("CopySourceUnreadable", .readError, "The file to copy cannot be read, or became shorter.")
                }
                stack.world.input?(.fileBytes, nil, bytes)
                return bytes
            })
        try checkOffered(service)
        let answer = Answer<Void>()
        let reached = Atomic<UInt64>(0)
        stack.control.perform {
            stack.log(.fileCopy, request)
            service.copy(copy, progress: { reached.store($0, ordering: .relaxed) }, completion: answer.set)
        }
        var isCancelled = false
        while true {
            if let result = answer.wait(seconds: 0.2) { return try checked(result, service) }
            if !isCancelled, !progress(FileCopyProgress(done: reached.load(ordering: .relaxed), total: size)) {
                isCancelled = true
                stack.control.perform {
                    stack.log(.fileCancelled, [String]())
                    service.cancel()
                }
            }
        }
    }

    // MARK: One question, one answer

    /// Asks in the services' pump and waits, at most `seconds` of host time.
    private func answer<Value>(
        _ service: IntegrationDevice, within seconds: Double = 35, _ ask: (@escaping (Result<Value, IntegrationError>) -> Void) -> Void
    ) throws -> Value {
        try checkOffered(service)
        let answer = Answer<Value>()
        stack.control.perform { ask(answer.set) }
        guard let result = answer.wait(seconds: seconds) else {
            throw WorkerError(
                "GuestNotResponding", .operationTimeout,
                "The guest of “\(configuration.name)” does not answer (\(service.identity.name)) within \(Int(seconds)) s.",
                target: configuration.name)
        }
        return try checked(result, service)
    }

    /// What a guest without enlightenments is never shown.
    private func unenlightened(_ identifier: String, _ what: String) -> WorkerError {
        WorkerError(
            identifier, .invalidOperation,
            "“\(configuration.name)” has no \(what): its architecture is \(Architecture.trapAndEmulate.rawValue).",
            action: "Use the guest's console (Connect-VMConsole \(configuration.name)), or give it another architecture while it is off.",
            target: configuration.name)
    }

    private func checkOffered(_ service: IntegrationDevice) throws {
        guard isEnlightened else { throw unenlightened("IntegrationServiceMissing", "integration services") }
        let name = service.identity.name
        guard !stack.offeredServices.contains(name) else { return }
        throw WorkerError(
            "IntegrationServiceDisabled", .invalidOperation,
            "The integration service “\(name)” of “\(configuration.name)” is off.",
            action: "Turn it on: Enable-VMIntegrationService '\(name)' \(configuration.name).", target: configuration.name)
    }

    /// The guest's answer, or its error in the words of the control protocol.
    private func checked<Value>(_ result: Result<Value, IntegrationError>, _ service: IntegrationDevice) throws -> Value {
        switch result {
        case .success(let value): return value
        case .failure(let error):
            let identifier =
                switch error.code {
                case .notConnected, .disconnected, .notSupported: "IntegrationServiceMissing"
                case .timedOut: "GuestNotResponding"
                case .alreadyExists: "GuestFileExists"
                case .diskFull: "GuestDiskFull"
                case .cannotWrite: "GuestPathNotFound"
                case .refused, .malformedAnswer: "GuestRefused"
                default: error.identifier
                }
            throw WorkerError(
                identifier, error.category, error.message, action: error.recommendedAction, target: configuration.name)
        }
    }
}

/// An answer that one thread gives and another waits for.
private final class Answer<Value>: @unchecked Sendable {
    private let lock = HostLock()
    // Safety: guarded by `lock`.
    private var result: Result<Value, IntegrationError>?

    func set(_ result: Result<Value, IntegrationError>) {
        lock.withLock {
            if self.result == nil { self.result = result }
            lock.wakeAll()
        }
    }

    /// nil: not within the time.
    func wait(seconds: Double) -> Result<Value, IntegrationError>? {
        let deadline = HostTime.monotonic() &+ UInt64(max(seconds, 0) * 1e9)
        return lock.withLock {
            _ = lock.wait(while: { result == nil }, untilMonotonic: deadline)
            return result
        }
    }
}
