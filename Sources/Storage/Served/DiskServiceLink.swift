import CHost
import FoundationEssentials
import Glibc

/// One run of a disk's service: its process and the socket to it.
final class DiskServiceLink {
    enum Outcome {
        case done
        case refused(DiskError)
        /// It does not answer any more, and why.
        case lost(String)
    }

    enum Received {
        case answers([DiskServiceAnswer])
        /// It does not answer any more, and why.
        case lost(String)
    }

    let process: Int32
    /// Readable when the process has ended.
    let processDescriptor: Int32
    let properties: DiskServiceHello.Properties
    private let file: String
    private let socket: Int32
    private var buffer = [UInt8](repeating: 0, count: DiskServiceAnswer.longestMessage)
    private var hasEnded = false

    /// Starts a service for the open images and waits until it has opened them. `window` is its memory's descriptor.
    init(
        _ chain: [DiskChainEntry], readOnly: Bool, window: Int32, starter: DiskServiceStarter, patience: DiskServicePatience
    ) throws(DiskOpenError) {
        let file = chain.first?.path ?? "the disk"
        self.file = file
        func failed(_ why: String) -> DiskOpenError {
            DiskOpenError(
                .serviceFailed, "The service of “\(file)” \(why).", file: file, action: "Check the limits on processes and memory.")
        }
        var pair: [Int32] = [-1, -1]
        guard lv_message_pair(&pair) == 0 else { throw failed("cannot be given a socket: \(String(cString: strerror(errno)))") }
        socket = pair[0]
        let images = chain.enumerated().map { position, entry in
            DiskServiceOptions.Image(descriptor: Int32(5 + position), path: entry.path, format: entry.format.rawValue)
        }
        let options = DiskServiceOptions(socket: 3, window: 4, images: images, readOnly: readOnly)
        let name = file.split(separator: "/").last.map(String.init) ?? file
        let words = (try? JSONEncoder().encode(options)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        process = starter.start(name, words, [pair[1], window] + chain.map(\.descriptor))
        close(pair[1])
        let descriptor = process > 0 ? lv_process_descriptor(process) : process
        processDescriptor = descriptor
        guard descriptor >= 0 else {
            close(socket)
            throw failed("cannot be started: \(String(cString: strerror(-descriptor)))")
        }
        do throws(DiskOpenError) {
            _ = lv_message_patience(socket, Int64(patience.start))
            properties = try Self.hello(socket, file, failed)
            _ = lv_message_patience(socket, Int64(patience.request))
        } catch {
            _ = Self.end(process, descriptor, milliseconds: patience.end)
            close(socket)
            close(descriptor)
            throw error
        }
    }

    deinit {
        if !hasEnded { _ = lv_process_signal(processDescriptor, SIGKILL) }
        close(socket)
        close(processDescriptor)
    }

    private static func hello(
        _ socket: Int32, _ file: String, _ failed: (String) -> DiskOpenError
    ) throws(DiskOpenError) -> DiskServiceHello.Properties {
        var bytes = [UInt8](repeating: 0, count: DiskServiceHello.longest)
        let count = lv_message_receive(socket, &bytes, bytes.count, 1)
        guard count > 0 else { throw failed(count == -Int(EAGAIN) ? "does not answer" : "has ended before it answered") }
        guard count <= bytes.count, let hello = try? JSONDecoder().decode(DiskServiceHello.self, from: Data(bytes[..<count])) else {
            throw failed("does not speak as a disk's service does")
        }
        if let refusal = hello.refusal, let code = DiskOpenCode(identifier: refusal.identifier) {
            throw DiskOpenError(code, refusal.message, file: file, action: refusal.action)
        }
        guard hello.version == DiskServiceHello.version else { throw DiskServiceHello.mismatch(DiskServiceHello.version, hello.version) }
        guard let properties = hello.properties, [512, 2048, 4096].contains(properties.logicalSectorSize),
            [512, 2048, 4096].contains(properties.physicalSectorSize), properties.identifier.map({ $0.count == 16 }) ?? true,
            properties.size % UInt64(properties.logicalSectorSize) == 0, properties.size <= UInt64(Int64.max)
        else { throw failed("tells of a disk that cannot be") }
        return properties
    }

    /// Hands requests over; false: the service is gone.
    func send(_ requests: [DiskServiceRequest]) -> Bool {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(requests.count * DiskServiceRequest.length)
        for request in requests { request.append(to: &bytes) }
        return lv_message_send(socket, bytes, bytes.count) == 0
    }

    /// Waits for answers.
    func receive() -> Received {
        let received = lv_message_receive(socket, &buffer, buffer.count, 1)
        if received == -Int(EAGAIN) { return .lost("did not answer in time") }
        guard received > 0 else { return .lost("ended") }
        guard let answers = DiskServiceAnswer.all(in: buffer, count: received, file: file) else {
            return .lost(Self.nonsense)
        }
        return .answers(answers)
    }

    /// Asks and waits for the answer; nothing else is under way.
    func ask(_ request: DiskServiceRequest) -> Outcome {
        guard send([request]) else { return .lost("ended") }
        switch receive() {
        case .lost(let why): return .lost(why)
        case .answers(let answers):
            guard answers.count == 1, answers[0].number == request.number else { return .lost(Self.nonsense) }
            return answers[0].error.map { .refused($0) } ?? .done
        }
    }

    static let nonsense = "gave an answer that is none"

    /// Ends the process, killing it when it has not ended by itself after `grace` milliseconds, and collects it; false: it is still there.
    func end(grace: Int32 = 0, patience: DiskServicePatience) -> Bool {
        guard !hasEnded else { return true }
        if grace > 0 { _ = lv_process_wait_end(processDescriptor, grace) }
        hasEnded = Self.end(process, processDescriptor, milliseconds: patience.end)
        return hasEnded
    }

    private static func end(_ process: Int32, _ descriptor: Int32, milliseconds: Int32) -> Bool {
        _ = lv_process_signal(descriptor, SIGKILL)
        guard lv_process_wait_end(descriptor, milliseconds) == 1 else { return false }
        waitpid(process, nil, 0)
        return true
    }
}

/// How long a worker waits for a disk's service, in milliseconds.
package struct DiskServicePatience: Sendable {
    /// For it to open its images.
    package var start: Int32 = 30_000
    /// For an answer: a host's storage may be slow, and a service that hangs must not keep the guest waiting for ever.
    package var request: Int32 = 30_000
    /// For its end after it was killed: what it has begun at the host's storage is finished first.
    package var end: Int32 = 60_000
    package init() {}
}
