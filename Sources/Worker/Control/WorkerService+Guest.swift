import Glibc
import Persistence
import Synchronization
import WorkerProtocol

/// Requests that concern the guest and its devices. They wait for the guest, so they have threads of their own: a guest that does not
/// answer keeps no verb and no other request waiting.
extension WorkerService {
    /// True when the request was one of these.
    func answerAboutGuest(_ frame: Frame, _ head: RequestHead, _ connection: ControlConnection) throws -> Bool {
        switch head.request {
        case GuestInformationRequest.name:
            soon(frame, head, connection, within: 0.7) {
                try ProtocolCodec.encode($0.guestInformation() ?? GuestInformation())
            } otherwise: { instance in
                // A disk that is being flushed is no reason to fail.
                if let known = instance.phase.withLock({ $0.information }) { return try ProtocolCodec.encode(known) }
                let name = instance.name.withLock { $0 }
                throw WorkerError(
                    "GuestNotResponding", .operationTimeout, "The devices of “\(name)” are busy and do not say how they are.",
                    action: "Try again; Get-VMEvent \(name) may say what holds them up.", target: name)
            }
        case ShutdownRequest.name:
            let request = try ProtocolCodec.parameters(ShutdownRequest.self, of: frame.body)
            let initiator = connection.initiator
            guestLater(frame, head, connection) { instance, guest in
                try guest.shutDownGuest(request)
                instance.noteShutdown(request, by: initiator)
            }
        case KeyValueRequest.name:
            let request = try ProtocolCodec.parameters(KeyValueRequest.self, of: frame.body)
            guestLater(frame, head, connection) { try $1.change(keyValues: request.changes) }
        case IPConfigurationRequest.name:
            let request = try ProtocolCodec.parameters(IPConfigurationRequest.self, of: frame.body)
            guestLater(frame, head, connection) { try $1.configure(ip: request.configuration, adapter: request.adapter) }
        case FreezeRequest.name:
            let request = try ProtocolCodec.parameters(FreezeRequest.self, of: frame.body)
            guestLater(frame, head, connection) { try $1.freeze(request) }
        case KeyboardRequest.name:
            let request = try ProtocolCodec.parameters(KeyboardRequest.self, of: frame.body)
            guestLater(frame, head, connection) { try $1.type(request) }
        case InterruptRequest.name:
            let initiator = connection.initiator
            guestLater(frame, head, connection) { instance, guest in
                try guest.interrupt()
                instance.noteInterrupt(by: initiator)
            }
        case FileCopyRequest.name:
            guard let file = connection.claimDescriptor() else { throw ProtocolError.malformed("no file to copy") }
            let request = try ProtocolCodec.parameters(FileCopyRequest.self, of: frame.body)
            let (id, peer) = (frame.request, connection.serial)
            later(frame, head, connection, queue: instance.copies) { instance, pending in
                guard let guest = instance.guest else { throw instance.hasNoGuest() }
                try guest.copyFile(request, from: file.descriptor) { progress in
                    instance.tell(peer, of: id, progress)
                    return !pending.isCancelled.load(ordering: .acquiring)
                }
                return try ProtocolCodec.encode(Done())
            }
        case MoveStorageRequest.name:
            let request = try ProtocolCodec.parameters(MoveStorageRequest.self, of: frame.body)
            let (id, peer, initiator) = (frame.request, connection.serial, connection.initiator)
            let folders = try connection.claimDevices(request.handover)
            later(frame, head, connection, queue: instance.moves) { instance, pending in
                let percent = Mutex(-1)
                try instance.moveStorage(request, folders, by: initiator) { done in
                    let isNews = percent.withLock { last in
                        defer { last = Int(done * 100) }
                        return last != Int(done * 100)
                    }
                    if isNews { instance.tell(peer, of: id, StorageMoveProgress(done: done)) }
                    return !pending.isCancelled.load(ordering: .acquiring)
                }
                return try ProtocolCodec.encode(Done())
            }
        default: return false
        }
        return true
    }

    private func guestLater(
        _ frame: Frame, _ head: RequestHead, _ connection: ControlConnection,
        _ work: @escaping @Sendable (WorkerInstance, any GuestControlling) throws -> Void
    ) {
        later(frame, head, connection, queue: instance.conversations) { instance, _ in
            guard let guest = instance.guest else { throw instance.hasNoGuest() }
            try work(instance, guest)
            return try ProtocolCodec.encode(Done())
        }
    }
}

extension WorkerInstance {
    /// Sends a peer an event of its request.
    fileprivate func tell(_ peer: UInt64, of request: UInt32, _ event: some Encodable & Sendable) {
        server?.post { server in
            guard let connection = server.connections.first(where: { $0.serial == peer }), let body = try? ProtocolCodec.encode(event)
            else { return }
            connection.send(Frame(.event, request: request, body: body))
        }
    }

    /// The running machine's guest side; nil before it is assembled, after it has ended, and for a machine that has none.
    var guest: (any GuestControlling)? { phase.withLock { $0.hasEnded ? nil : $0.machine as? any GuestControlling } }

    /// What the guest and its devices report; takes as long as a device is busy. nil: there is no guest.
    func guestInformation() -> GuestInformation? {
        guard let information = guest?.guestInformation() else { return nil }
        phase.withLock { $0.information = information }
        return information
    }

    func hasNoGuest() -> WorkerError {
        let name = name.withLock { $0 }
        return WorkerError(
            "IntegrationServiceMissing", .notImplemented, "“\(name)” (\(state.rawValue)) has no guest that could be asked.", target: name)
    }

    func noteInterrupt(by initiator: VirtualMachineEvent.Initiator) {
        let who = "\(initiator.user) (\(initiator.program ?? "process") \(initiator.processId))"
        log.note(
            VirtualMachineEvent(
                .interrupted, level: .warning, message: "A non-maskable interrupt was injected by \(who).", initiator: initiator))
    }

    func noteShutdown(_ request: ShutdownRequest, by initiator: VirtualMachineEvent.Initiator) {
        let who = "\(initiator.user) (\(initiator.program ?? "process") \(initiator.processId))"
        let what = request.kind == .shutdown ? "shut down" : "restart"
        log.note(
            VirtualMachineEvent(.shutdownRequested, message: "The guest was asked to \(what) by \(who) and accepted.", initiator: initiator)
        )
    }
}
