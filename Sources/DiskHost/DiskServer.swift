import Basics
import CHost
import FoundationEssentials
import Glibc
import Persistence
import Storage
import WorkerProtocol

/// The process of one mounted disk: owner of the open image for as long as it is mounted.
///
/// ```
/// nbd.sock       clients come and go; their requests are done one after the other on this thread
/// control.sock   Management sends a byte: the disk is flushed and closed, the answer is one TransportedError or null, the server ends
/// SIGTERM        the same, as the host shuts down
/// end            dismounted, or the folder was removed
/// ```
final class DiskServer {
    /// Connections at once; who comes later is turned away.
    private static let mostClients = 32
    /// A client that has not got to requests after this long makes room for another.
    private static let patience: UInt64 = 10_000_000_000
    private static let pieceSize = 256 << 10

    private struct Client {
        let socket: OpenFile
        let connection: NBDConnection
        let came: UInt64
        var isGone = false
    }

    private let folder: Folder
    private let lock: OpenFile
    private let export: DiskExport
    private let listener: OpenFile
    private let control: OpenFile
    private var clients: [Client] = []
    private var device: KernelDevice?
    private var isOver = false
    /// Who asked for the end while the kernel's device is being given up.
    private var waiting: [OpenFile] = []

    /// Owns the descriptors; throws what stands in the way of serving the disk.
    init(_ options: MountOptions) throws {
        folder = Folder(descriptor: options.folder, path: "the mount's folder")
        lock = OpenFile(descriptor: options.lock, path: MountFolder.lockName)
        let chain = try options.images.map { image in
            guard let format = DiskFormat(rawValue: image.format) else {
                throw DiskOpenError(.wrongFormat, "“\(image.path)” has no format that is known here.", file: image.path)
            }
            return DiskChainEntry(descriptor: image.descriptor, path: image.path, format: format)
        }
        let disk = try VirtualDisk.open(chain, readOnly: options.isReadOnly)
        do {
            listener = try Self.listen(MountFolder.socketName, in: folder)
            control = try Self.listen(MountFolder.controlName, in: folder)
        } catch {
            try? disk.close()
            throw error
        }
        export = DiskExport(disk, name: FilePath.name(of: chain[0].path))
        connectDevice()
        let mount = MountFolder(number: 0, folder: folder)
        if var record = try? mount.readRecord() {
            (record.processId, record.devicePath) = (getpid(), device?.path)
            try? mount.write(record)
        }
    }

    private static func listen(_ name: String, in folder: Folder) throws -> OpenFile {
        let descriptor = lv_socket_listen(folder.descriptor, name, 64)
        guard descriptor >= 0 else { throw PersistenceError.system(-descriptor, "make", path: name) }
        return OpenFile(descriptor: descriptor, path: name)
    }

    /// Where the kernel can have the disk as a device and this user may, it gets it; elsewhere the socket is all there is.
    private func connectDevice() {
        guard let (device, socket) = KernelDevice.connect(export) else { return }
        self.device = device
        clients.append(Client(socket: socket, connection: NBDConnection(export, isTransmitting: true), came: .max))
    }

    func run() {
        while !isOver {
            let hasWork = clients.contains { $0.connection.long != nil && $0.connection.output.count == 0 }
            var polled = [listener, control].map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
            polled += clients.map { client in
                let connection = client.connection
                let events = (connection.wantsInput ? POLLIN : 0) | (connection.output.count > 0 ? POLLOUT : 0)
                return pollfd(fd: client.socket.descriptor, events: Int16(events), revents: 0)
            }
            _ = poll(&polled, nfds_t(polled.count), hasWork ? 0 : 500)
            for index in clients.indices { serve(&clients[index], polled[index + 2].revents) }
            let now = HostTime.monotonic()
            clients.removeAll { client in
                client.isGone || !client.connection.isTransmitting && client.came < now && now - client.came > Self.patience
            }
            if polled[0].revents != 0 {
                while let socket = Peer.accepted(by: listener)?.socket {
                    guard clients.count < Self.mostClients else { continue }
                    clients.append(Client(socket: socket, connection: NBDConnection(export), came: now))
                }
            }
            if let device, !clients.contains(where: { $0.came == .max }) {
                self.device = nil
                if !waiting.isEmpty { finish(for: waiting, device.failure) }
                waiting = []
            }
            if polled[1].revents != 0 { while !isOver, let socket = Peer.accepted(by: control)?.socket { dismount(for: socket) } }
            if hasTermination() { hostStops() }
            // A folder that was removed makes the disk nobody's.
            if !isOver, !lock.hasName {
                try? export.disk.close()
                isOver = true
            }
        }
        device?.disconnect()
        clients = []
        try? folder.remove(MountFolder.socketName)
        try? folder.remove(MountFolder.controlName)
    }

    /// Moves what can be moved, and does one piece of work at a time so that nobody waits for another's long request.
    private func serve(_ client: inout Client, _ events: Int16) {
        let connection = client.connection
        if events & Int16(POLLIN | POLLHUP | POLLERR) != 0, connection.wantsInput {
            let bytes = [UInt8](unsafeUninitializedCapacity: Self.pieceSize) { buffer, count in
                let done = recv(client.socket.descriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
                if done == 0 || done < 0 && errno != EAGAIN && errno != EINTR { client.isGone = true }
                count = max(0, done)
            }
            connection.receive(bytes)
        }
        if client.isGone { return }
        var steps = 0
        while steps < 64, connection.step() {
            steps += 1
            if connection.long != nil { break }
        }
        send(&client)
        // What waits in memory makes no event.
        while connection.output.count == 0, connection.long == nil, connection.step() { send(&client) }
        if connection.isOver, connection.output.count == 0 { client.isGone = true }
    }

    private func send(_ client: inout Client) {
        let connection = client.connection
        while connection.output.count > 0, !client.isGone {
            let done = connection.output.withBytes {
                Glibc.send(client.socket.descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
            }
            guard done > 0 else {
                if done < 0, errno == EINTR { continue }
                if done == 0 || errno != EAGAIN { client.isGone = true }
                return
            }
            connection.output.drop(done)
        }
    }

    /// A kernel's device is given up first, which ends its connection.
    private func dismount(for socket: OpenFile) {
        guard let device else { return finish(for: [socket]) }
        guard !device.isInUse else {
            return answer(
                TransportedError(
                    message: "“\(export.name)” is in use on this host as \(device.path).", identifier: "DiskInUse", category: .resourceBusy,
                    recommendedAction: "Unmount the file systems on it and try again.", target: export.name), socket)
        }
        waiting.append(socket)
        device.disconnect()
    }

    /// Takes a SIGTERM that waits; it is blocked in every thread (`DiskMain`), so it interrupts nothing.
    private func hasTermination() -> Bool {
        var signals = DiskMain.terminations
        var atOnce = timespec()
        return sigtimedwait(&signals, nil, &atOnce) > 0
    }

    /// A file system of the host's on the device is served to the end; what it has written so far is safe.
    private func hostStops() {
        if device?.isInUse == true { try? export.flush() } else { finish(for: []) }
    }

    /// Everything acknowledged is on stable storage before the answer; a disk that cannot be flushed stays mounted. `failure` is what the
    /// kernel could not write of what it kept.
    private func finish(for sockets: [OpenFile], _ failure: TransportedError? = nil) {
        var failure = failure
        do {
            try export.flush()
            if failure == nil {
                try export.disk.close()
                isOver = true
            }
        } catch {
            failure = TransportedError(error)
        }
        if let failure { DiskMain.say(failure.message) }
        for socket in sockets { answer(failure, socket) }
    }

    private func answer(_ failure: TransportedError?, _ socket: OpenFile) {
        guard let line = try? JSONEncoder().encode([failure]) else { return }
        let answer = Array(line) + [10]
        _ = lv_send(socket.descriptor, answer, answer.count, nil, 0)
    }
}
