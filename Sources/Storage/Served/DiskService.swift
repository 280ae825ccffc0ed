import Basics
import CHost
import FoundationEssentials
import Glibc

/// The process that serves one disk of a running machine: it has the images' descriptors, a socket and the window, and nothing else. It
/// keeps nothing that a successor would need; when its worker goes, it goes.
package enum DiskService {
    package static func run(arguments: [String]) -> Int32 {
        for number in [SIGPIPE, SIGHUP, SIGINT, SIGQUIT] { signal(number, SIG_IGN) }
        guard arguments.count == 2, let options = try? JSONDecoder().decode(DiskServiceOptions.self, from: Data(arguments[1].utf8)),
            ([options.socket, options.window] + options.images.map(\.descriptor)).allSatisfy({ fcntl($0, F_GETFD) >= 0 })
        else {
            say("A disk's service is started by a running VM, not by hand.")
            return 2
        }
        var hello = DiskServiceHello()
        do throws(DiskOpenError) {
            guard options.version == DiskServiceHello.version else {
                throw DiskServiceHello.mismatch(options.version, DiskServiceHello.version)
            }
            let window = try map(options.window)
            let (disk, keepsWrites) = try open(options)
            hello.properties = DiskServiceHello.Properties(
                size: disk.size, logicalSectorSize: disk.logicalSectorSize, physicalSectorSize: disk.physicalSectorSize,
                isReadOnly: disk.isReadOnly, identifier: disk.identifier, canDiscard: disk.canDiscard, keepsWrites: keepsWrites)
            let confined = lv_confine_disk_service()
            guard confined == 0 else {
                throw DiskOpenError(
                    .serviceFailed, "The disk's service cannot give up its privileges: \(String(cString: strerror(-confined))).",
                    action: "The host's kernel must offer seccomp filters; or choose another architecture.")
            }
            guard send(hello, to: options.socket) else { return 1 }
            var server = DiskServer(disk, window, socket: options.socket)
            server.run()
            return 0
        } catch {
            hello.refusal = DiskServiceHello.Refusal(
                identifier: error.code.identifier, message: error.message, action: error.recommendedAction)
            _ = send(hello, to: options.socket)
            say(error.message)
            return 1
        }
    }

    private static func send(_ hello: DiskServiceHello, to socket: Int32) -> Bool {
        guard let bytes = try? JSONEncoder().encode(hello) else { return false }
        return lv_message_send(socket, Array(bytes), bytes.count) == 0
    }

    private static func map(_ descriptor: Int32) throws(DiskOpenError) -> UnsafeMutableRawBufferPointer {
        guard lv_port_memory_check(descriptor, DiskServiceWindow.size) == 0,
            let base = mmap(nil, DiskServiceWindow.size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), base != MAP_FAILED
        else { throw DiskOpenError(.serviceFailed, "The disk's service was not given memory of the right kind.") }
        Glibc.close(descriptor)
        return UnsafeMutableRawBufferPointer(start: base, count: DiskServiceWindow.size)
    }

    /// The disk as it is in a worker's own process, so that a guest meets the same one.
    private static func open(_ options: DiskServiceOptions) throws(DiskOpenError) -> (disk: LiveDisk, keepsWrites: Bool) {
        var chain: [DiskChainEntry] = []
        for image in options.images {
            guard let format = DiskFormat(rawValue: image.format) else {
                throw DiskOpenError(.unsupported, "“\(image.path)” was handed over in a format that is not known.", file: image.path)
            }
            chain.append(DiskChainEntry(descriptor: image.descriptor, path: image.path, format: format))
        }
        let disk = try LiveDisk(chain, readOnly: options.readOnly)
        return (disk, disk.top is FlatDisk || (disk.top as? VHDImage)?.kind == .fixed)
    }

    /// To the log of the worker that started it.
    private static func say(_ text: String) {
        let line = Array((text + "\n").utf8)
        _ = Glibc.write(2, line, line.count)
    }
}

/// What a service does until its disk is closed or its worker is gone.
///
/// Of requests that come together, those are done first that need not wait for the host's storage; so answers come in any order. That is
/// allowed because the worker never has two under way that touch the same sectors, nor anything beside a flush.
private struct DiskServer {
    let disk: any Disk
    let window: UnsafeMutableRawBufferPointer
    let socket: Int32
    private var buffer = [UInt8](repeating: 0, count: DiskServiceRequest.longestMessage)
    private var answers: [UInt8] = []
    private var answerCount = 0
    private var calls: UInt64 = 0
    /// So many answers are told before others are worked for.
    private static let batch = 8

    init(_ disk: any Disk, _ window: UnsafeMutableRawBufferPointer, socket: Int32) {
        (self.disk, self.window, self.socket) = (disk, window, socket)
    }

    mutating func run() {
        /// What has to wait for the host's storage, or may have to.
        var waiting: [DiskServiceRequest] = []
        while let fresh = take(mayWait: waiting.isEmpty) {
            for request in fresh {
                guard fresh.count + waiting.count > 1, isDoneAtOnce(request) else {
                    waiting.append(request)
                    continue
                }
                answer(request, nil)
                if answerCount == Self.batch { guard send() else { return } }
            }
            guard send() else { return }
            guard !waiting.isEmpty else { continue }
            let request = waiting.removeFirst()
            var failure: DiskError?
            do throws(DiskError) { try carryOut(request) } catch { failure = error }
            answer(request, failure)
            guard send() else { return }
            if request.kind == .close, failure == nil { return }
        }
    }

    /// The next requests, none if there are none and it may not wait; nil: the worker is gone. What was written is in the host's memory;
    /// nothing else is lost then.
    private mutating func take(mayWait: Bool) -> [DiskServiceRequest]? {
        let count = lv_message_receive(socket, &buffer, buffer.count, mayWait ? 1 : 0)
        if !mayWait, count == -Int(EAGAIN) { return [] }
        return DiskServiceRequest.all(in: buffer, count: count)
    }

    private mutating func answer(_ request: DiskServiceRequest, _ error: DiskError?) {
        DiskServiceAnswer(number: request.number, error: error).append(to: &answers)
        answerCount += 1
    }

    private mutating func send() -> Bool {
        guard answerCount > 0 else { return true }
        // With the one that sends them.
        calls &+= lv_disk_take_calls()
        window.storeBytes(of: calls &+ 1, toByteOffset: DiskServiceWindow.calls, as: UInt64.self)
        let isSent = lv_message_send(socket, answers, answers.count) == 0
        answers.removeAll(keepingCapacity: true)
        answerCount = 0
        return isSent
    }

    /// The part of the window that a request names.
    private func segment(_ request: DiskServiceRequest) -> iovec? {
        guard request.count <= UInt64(DiskServiceWindow.largest), UInt64(request.place) + request.count <= UInt64(DiskServiceWindow.calls)
        else { return nil }
        return window.baseAddress.map { iovec(iov_base: $0 + Int(request.place), iov_len: Int(request.count)) }
    }

    /// What goes wrong shows again where it may wait.
    private func isDoneAtOnce(_ request: DiskServiceRequest) -> Bool {
        guard request.kind == .read || request.kind == .write, var segment = segment(request) else { return false }
        return withUnsafePointer(to: &segment) { pointer in
            let segments = UnsafeBufferPointer(start: pointer, count: 1)
            return
                (try? request.kind == .read
                ? disk.readAtOnce(into: segments, at: request.offset) : disk.writeAtOnce(from: segments, at: request.offset)) ?? false
        }
    }

    private func carryOut(_ request: DiskServiceRequest) throws(DiskError) {
        switch request.kind {
        case .flush: return try disk.flush()
        case .discard: return try disk.discard(at: request.offset, count: request.count)
        case .close: return try disk.close()
        case .read, .write: break
        }
        guard var segment = segment(request) else {
            throw DiskError(.outOfRange, "\(request.count) bytes at \(request.place) do not lie in the window.")
        }
        var failure: DiskError?
        withUnsafePointer(to: &segment) { pointer in
            let segments = UnsafeBufferPointer(start: pointer, count: 1)
            do throws(DiskError) {
                if request.kind == .read {
                    try disk.read(into: segments, at: request.offset)
                } else {
                    try disk.write(from: segments, at: request.offset)
                }
            } catch { failure = error }
        }
        if let failure { throw failure }
    }
}

extension DiskServiceHello {
    static func mismatch(_ worker: String, _ service: String) -> DiskOpenError {
        DiskOpenError(
            .serviceMismatch, "The VM's worker is “\(worker)” and the disk's service is “\(service)”.",
            action: "Stop the VM and start it again, so that both are of the installed version.")
    }
}
