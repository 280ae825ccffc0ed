import DeviceModel
import VMBus

/// Guest file copy ("Guest Service Interface"): writes a file of the host's into the guest, a chunk at a time (Linux: hv_fcopy_daemon).
///
///     every body   0 u32 operation   4 two GUIDs, unused                                                        struct hv_fcopy_hdr
///     start       36 u16[260] file name   556 u16[260] folder   1076 u32 flags   1080 u64 size                struct hv_start_fcopy
///     write       36 u32 padding   40 u64 offset   48 u32 size   52 6,144 bytes                                  struct hv_do_fcopy
///     complete, cancel: the header alone
package final class GuestFileCopyService: IntegrationDevice, StatefulUnit, @unchecked Sendable {
    package typealias Completion = (Result<Void, IntegrationError>) -> Void

    package struct State: Codable, Sendable {
        var link = Link()
        var phase = Phase.idle
    }

    /// Whose answer is awaited.
    enum Phase: String, Codable, Sendable { case idle, starting, writing, completing, cancelling }

    private enum Operation { static let start: UInt32 = 0, write: UInt32 = 1, complete: UInt32 = 2, cancel: UInt32 = 3 }
    private enum Flags { static let overwrite: UInt32 = 1, createPath: UInt32 = 2 }
    private static let headerSize = 36
    private static let pathUnits = 260
    /// Bytes of a file in one message.
    package static let chunkSize = 6144
    /// Linux gives its daemon 30 s.
    private static let answerLimit: UInt64 = 60_000_000_000

    package static let stateVersion = 1
    package let unitName = IntegrationIdentity.fileCopy.unitName
    private var phase = Phase.idle
    private var copy: (source: GuestFileCopy, progress: (UInt64) -> Void, completion: Completion)?
    /// Bytes that the guest has written, and bytes in the message under way.
    private var written: UInt64 = 0
    private var underWay: UInt64 = 0

    package init(pump: any ServicePump) { super.init(.fileCopy, pump: pump) }

    /// Copies a file into the guest, one at a time.
    /// - Parameters:
    ///   - progress: told the bytes written so far, after every chunk.
    ///   - completion: success when the guest has closed the complete file. After a failure the guest has removed what it had written.
    package func copy(_ source: GuestFileCopy, progress: @escaping (UInt64) -> Void, completion: @escaping Completion) {
        let names: (name: [UInt8], folder: [UInt8])
        switch source.encodedPath(units: Self.pathUnits) {
        case .success(let encoded): names = encoded
        case .failure(let reason):
            return completion(
                .failure(
                    IntegrationError(
                        .invalidArgument, service: identity, message: reason.message,
                        action: "Give an absolute path of at most \(Self.pathUnits - 2) bytes, folder and file name.")))
        }
        guard phase == .idle else { return completion(.failure(error(.busy))) }
        var body = header(Operation.start)
        body.append(names.name)
        body.append(names.folder)
        body.append((source.overwrite ? Flags.overwrite : 0) | (source.createPath ? Flags.createPath : 0))
        body.append(source.size)
        guard send(body.bytes, limit: Self.answerLimit) else { return completion(.failure(unsendable)) }
        phase = .starting
        copy = (source, progress, completion)
        (written, underWay) = (0, 0)
    }

    /// Ends the copy under way: its completion is told at once, the guest removes the file.
    package func cancel() { finish(.failure(error(.cancelled))) }

    /// A copy is under way, or the guest still removes what a failed one left.
    package var isBusy: Bool { phase != .idle }

    // MARK: Answers

    override func answered(_ status: IntegrationStatus, _ body: [UInt8]) {
        let answered = phase
        phase = .idle
        switch answered {
        case .idle, .cancelling: break
        case .starting:
            // Nothing is to be removed after a refusal: hv_fcopy_daemon would remove the file that was there before.
            guard status == .success else { return finish(.failure(refusal(status, atStart: true))) }
            goOn()
        case .writing:
            guard status == .success else { return giveUp(refusal(status, atStart: false)) }
            written += underWay
            if let copy { copy.progress(written) }
            goOn()
        case .completing:
            finish(status == .success ? .success(()) : .failure(refusal(status, atStart: false)))
        }
    }

    /// The guest has a file open: the next chunk, the end, or, when nobody wants the copy any longer, its removal.
    private func goOn() {
        guard let source = copy?.source else { return sendCancel() }
        let left = source.size - min(written, source.size)
        guard left > 0 else {
            if send(header(Operation.complete).bytes, limit: Self.answerLimit) { phase = .completing }
            return
        }
        let count = Int(min(left, UInt64(Self.chunkSize)))
        let data: [UInt8]
        do {
            data = try source.read(written, count)
        } catch {
            return giveUp(sourceError("The source could not be read at byte \(written): \(error)."))
        }
        guard data.count == count else { return giveUp(sourceError("The source ended early, at byte \(written + UInt64(data.count)).")) }
        var body = header(Operation.write)
        body.append(UInt32(0))
        body.append(written)
        body.append(UInt32(count))
        body.append(data)
        body.pad(to: 52 + Self.chunkSize)
        underWay = UInt64(count)
        if send(body.bytes, limit: Self.answerLimit) { phase = .writing }
    }

    private func giveUp(_ error: IntegrationError) {
        sendCancel()
        finish(.failure(error))
    }

    private func sendCancel() {
        if send(header(Operation.cancel).bytes, limit: Self.answerLimit) { phase = .cancelling }
    }

    override func unanswered() {
        let unanswered = phase
        phase = .idle
        // After a start that was not answered the guest may not have opened our file: see `answered`.
        if unanswered == .writing { sendCancel() }
        finish(.failure(error(.timedOut)))
    }

    override func channelClosed() {
        phase = .idle
        finish(.failure(error(.disconnected)))
    }

    package override func interrupt() { finish(.failure(error(.interrupted))) }

    private func finish(_ result: Result<Void, IntegrationError>) {
        let completion = copy?.completion
        copy = nil
        completion?(result)
    }

    private func header(_ operation: UInt32) -> IntegrationFields {
        var fields = IntegrationFields()
        fields.append(operation)
        fields.pad(to: Self.headerSize)
        return fields
    }

    private func sourceError(_ message: String) -> IntegrationError {
        IntegrationError(.sourceFailed, service: identity, message: message)
    }

    private func refusal(_ status: IntegrationStatus, atStart: Bool) -> IntegrationError {
        let path = copy?.source.destination ?? "the file"
        switch status {
        case .alreadyExists:
            return IntegrationError(
                .alreadyExists, service: identity, status: status, message: "“\(path)” is already in the guest.",
                action: "Use -Force to overwrite it, or choose another name.")
        case .diskFull:
            return IntegrationError(
                .diskFull, service: identity, status: status, message: "The guest's disk was full before “\(path)” was complete.",
                action: "Make room in the guest and copy again.")
        case .failed where atStart:
            return IntegrationError(
                .cannotWrite, service: identity, status: status, message: "The guest cannot create “\(path)”.",
                action:
                    "See that its folder exists (or use -CreateFullPath), can be written to, and that hv_fcopy_daemon runs in the guest.")
        case .failed:
            return IntegrationError(
                .cannotWrite, service: identity, status: status, message: "The guest could not write “\(path)”.",
                action: "See whether its disk is full, and look at the guest's log.")
        default: return error(.refused, status: status)
        }
    }

    // MARK: Saved state

    package func saveState() throws(StateError) -> State { State(link: link, phase: phase) }

    /// A copy that was under way has no source any longer: the guest is asked to remove its file when it answers.
    package func restoreState(_ state: State, version: Int) throws(StateError) {
        try restoreLink(state.link)
        phase = state.phase
    }
}
