import Basics
import CHost
import Glibc
import Persistence
import Synchronization
import WorkerProtocol

/// A kernel's block device (/dev/nbdN) whose requests come to a socket of ours.
final class KernelDevice: Sendable {
    let path: String
    private let device: OpenFile
    private let kernelEnd: OpenFile
    private let state = Mutex(State())

    private struct State {
        var isConnected = true
        /// errno of the kernel's last writing, 0: it went well.
        var failure: Int32 = 0
    }

    private init(path: String, device: OpenFile, kernelEnd: OpenFile) {
        (self.path, self.device, self.kernelEnd) = (path, device, kernelEnd)
    }

    /// Takes the first free device; nil where there is none or this user may not.
    static func connect(_ export: DiskExport) -> (KernelDevice, OpenFile)? {
        for number in 0..<256 {
            let path = "/dev/nbd\(number)"
            let descriptor = open(path, O_RDWR | O_CLOEXEC)
            guard descriptor >= 0 else {
                if errno == EBUSY { continue }
                return nil
            }
            let device = OpenFile(descriptor: descriptor, path: path)
            var pair: [Int32] = [-1, -1]
            guard lv_socket_pair(&pair) == 0 else { return nil }
            let (ours, theirs) = (OpenFile(descriptor: pair[0], path: path), OpenFile(descriptor: pair[1], path: path))
            let result = lv_nbd_attach(
                descriptor, pair[1], UInt64(export.disk.logicalSectorSize), export.size, UInt32(export.transmissionFlags))
            if result == -EBUSY { continue }
            guard result == 0 else { return nil }
            let connected = KernelDevice(path: path, device: device, kernelEnd: theirs)
            // The call lasts as long as the connection.
            let isStarted = HostThread.startDetached(name: "nbd", stackSize: 512 << 10) {
                _ = lv_nbd_serve(device.descriptor)
                withExtendedLifetime(theirs) {}
            }
            guard isStarted else {
                connected.disconnect()
                return nil
            }
            return (connected, ours)
        }
        return nil
    }

    /// A file system or a program on this host has it open for itself.
    var isInUse: Bool {
        let descriptor = open(path, O_RDONLY | O_EXCL | O_CLOEXEC)
        guard descriptor >= 0 else { return errno == EBUSY }
        close(descriptor)
        return false
    }

    /// What stood in the way when the kernel wrote what it kept, once the connection has ended.
    var failure: TransportedError? {
        let number = state.withLock { $0.failure }
        guard number != 0 else { return nil }
        return TransportedError(
            message: "“\(path)” cannot be written: \(SystemMessage.text(number)).", identifier: "DiskFailed", category: .writeError,
            target: path)
    }

    /// Has the kernel write what it keeps of the device, then end the connection. Its requests must be served meanwhile, so a thread of its
    /// own waits for it.
    func disconnect() {
        let wasConnected = state.withLock { state in
            defer { state.isConnected = false }
            return state.isConnected
        }
        guard wasConnected else { return }
        let isStarted = HostThread.startDetached(name: "nbd", stackSize: 512 << 10) { [self] in
            if fsync(device.descriptor) != 0 {
                let number = errno
                state.withLock { $0.failure = number }
            }
            lv_nbd_detach(device.descriptor)
        }
        if !isStarted { lv_nbd_detach(device.descriptor) }
    }
}
