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
            serve(disk, window, socket: options.socket)
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

    private static func serve(_ disk: any Disk, _ window: UnsafeMutableRawBufferPointer, socket: Int32) {
        var bytes = [UInt8](repeating: 0, count: DiskServiceRequest.length)
        while true {
            // What was written is in the host's memory; nothing else is lost when the worker is gone.
            guard lv_message_receive(socket, &bytes, bytes.count) == bytes.count, let request = DiskServiceRequest(bytes) else { return }
            var answer = DiskServiceAnswer(number: request.number, error: nil)
            do throws(DiskError) { try carryOut(request, disk, window) } catch { answer.error = error }
            let reply = answer.bytes
            guard lv_message_send(socket, reply, reply.count) == 0 else { return }
            if request.kind == .close, answer.error == nil { return }
        }
    }

    private static func carryOut(
        _ request: DiskServiceRequest, _ disk: any Disk, _ window: UnsafeMutableRawBufferPointer
    ) throws(DiskError) {
        switch request.kind {
        case .flush: return try disk.flush()
        case .discard: return try disk.discard(at: request.offset, count: request.count)
        case .close: return try disk.close()
        case .read, .write: break
        }
        guard request.count <= UInt64(window.count) else {
            throw DiskError(.outOfRange, "\(request.count) bytes are more than the window holds.")
        }
        var segment = iovec(iov_base: window.baseAddress, iov_len: Int(request.count))
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

    /// To the log of the worker that started it.
    private static func say(_ text: String) {
        let line = Array((text + "\n").utf8)
        _ = Glibc.write(2, line, line.count)
    }
}

extension DiskServiceHello {
    static func mismatch(_ worker: String, _ service: String) -> DiskOpenError {
        DiskOpenError(
            .serviceMismatch, "The VM's worker is “\(worker)” and the disk's service is “\(service)”.",
            action: "Stop the VM and start it again, so that both are of the installed version.")
    }
}
