import Basics
import CHost
import FoundationEssentials
import Glibc
import Persistence
import Storage
import WorkerProtocol

extension VirtualMachineHost {
    /// Opens the image with its parents as a VM would, and has a process of its own serve it, which outlives this one. `allowedParents`
    /// are parents outside their child's folder that the user named. Errors: `DiskMounted`, `DiskInUse`, what is wrong with the image.
    @discardableResult
    public func mount(
        _ path: String, readOnly: Bool = false, allowedParents: [String] = [], timeout: Double = 60, isCancelled: () -> Bool = { false }
    ) throws -> MountedDisk {
        let path = DiskOperations.absolutePath(path)
        guard let format = DiskFormat.of(fileName: path) else {
            throw ManagementError(
                "DiskFormatInvalid", .invalidArgument,
                "“\(path)” cannot be mounted: its name does not end in .vhdx, .avhdx, .vhd, .avhd, .raw, .img or .iso.",
                action: "The name says the format; rename the file if it has another.", target: path)
        }
        if let disk = try mountedDisk(at: path) {
            throw ManagementError(
                "DiskMounted", .resourceExists, "“\(path)” is mounted already, as disk \(disk.number).",
                action: "Dismount-VHD ends that.", target: path)
        }
        _ = lv_most_descriptors()
        let isReadOnly = readOnly || format == .iso
        let chain: DiskChain
        do {
            chain = try DiskChain.resolve(path: path, format: format, allowedParents: allowedParents, readOnly: isReadOnly)
        } catch {
            throw error.code == .inUse ? inUse(error, path: path, by: "") : error
        }
        defer { chain.close() }
        let store = try existingStore()
        let mount = try begin(path, isReadOnly: isReadOnly, chain, in: store)
        do {
            let report = try start(mount.folder, lock: mount.lock, isReadOnly: isReadOnly, chain)
            try wait(for: report, path: path, mount.folder, timeout: timeout, isCancelled: isCancelled)
            return MountedDisk(try mount.folder.readRecord(), mount.folder)
        } catch {
            // A server that has started after all ends when its folder is gone.
            try? store.locked { try store.removeMount(mount.folder.number) }
            throw error
        }
    }

    /// The folder of a new mount with its lock; folders whose servers have ended go.
    private func begin(
        _ path: String, isReadOnly: Bool, _ chain: DiskChain, in store: Store
    ) throws -> (folder: MountFolder, lock: FileLock) {
        try store.locked {
            for old in try store.mounts() where try !old.isServed() { try store.removeMount(old.number) }
            var status = stat()
            guard let image = chain.entries.first, fstat(image.descriptor, &status) == 0, let mount = try store.makeMount(),
                let lock = try FileLock.take(MountFolder.lockName, in: mount.folder)
            else { throw ManagementError("WorkerFailed", .resourceUnavailable, "“\(path)” cannot be mounted.", target: path) }
            try mount.write(
                MountRecord(
                    number: mount.number, path: path, isReadOnly: isReadOnly, device: UInt64(status.st_dev), file: UInt64(status.st_ino)))
            return (mount, lock)
        }
    }

    /// Starts the server; what is returned gets its `ReadyReport`.
    private func start(_ mount: MountFolder, lock: FileLock, isReadOnly: Bool, _ chain: DiskChain) throws -> OpenFile {
        var pair: [Int32] = [-1, -1]
        let failure = lv_socket_pair(&pair)
        guard failure == 0 else {
            throw ManagementError("WorkerFailed", .resourceUnavailable, "No socket can be made: \(SystemMessage.text(-failure)).")
        }
        let report = OpenFile(descriptor: pair[0], path: "ready socket")
        let ready = OpenFile(descriptor: pair[1], path: "ready socket")
        let log = try mount.folder.open(MountFolder.logName, O_WRONLY | O_CREAT | O_APPEND, doing: "write")
        let options = MountOptions(
            folder: mount.folder.descriptor, lock: lock.descriptor, ready: ready.descriptor, isReadOnly: isReadOnly,
            images: chain.entries.map {
                MountOptions.Image(descriptor: $0.descriptor, path: $0.path, format: $0.format.rawValue)
            })
        let name = chain.entries.first.map { String($0.path.split(separator: "/").last ?? "disk") } ?? "disk"
        try withExtendedLifetime((ready, log, mount)) {
            _ = try starter.start(DiskLaunch(name: name, options: options, log: log.descriptor))
        }
        lock.giveAway()
        return report
    }

    private func wait(
        for report: OpenFile, path: String, _ mount: MountFolder, timeout: Double, isCancelled: () -> Bool
    ) throws {
        let end = WorkerClient.deadline(timeout)
        if let line = try Self.line(from: report, until: end, isCancelled: isCancelled),
            let ready = try? JSONDecoder().decode(ReadyReport.self, from: Data(line))
        {
            if let error = ready.error { throw error }
            return
        }
        throw ManagementError(
            "WorkerFailed", .resourceUnavailable, "The server of “\(path)” ended or did not answer before the disk was mounted.",
            action: "Repeat the command.", target: path)
    }

    /// The other side's one line, as far as it comes; nil when the time is over.
    private static func line(from socket: OpenFile, until end: UInt64, isCancelled: () -> Bool = { false }) throws -> [UInt8]? {
        var line: [UInt8] = []
        while HostTime.monotonic() < end {
            if isCancelled() { throw ManagementError.stopped }
            var polled = pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&polled, 1, 100) > 0 else { continue }
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = read(socket.descriptor, &buffer, buffer.count)
            if count < 0 && (errno == EAGAIN || errno == EINTR) { continue }
            guard count > 0 else { return line }
            line += buffer[..<count]
            if line.count > 1 << 20 || line.last == 10 { return line }
        }
        return nil
    }

    /// Flushes and closes the mounted disk in that file and ends its server. Errors: `DiskNotMounted`, `DiskInUse`, what the flush meets.
    public func dismount(_ path: String, timeout: Double = 60) throws {
        guard let found = try mount(at: path) else {
            let path = DiskOperations.absolutePath(path)
            guard FileIdentity(path) != nil else {
                throw ManagementError("DiskNotFound", .objectNotFound, "There is no file “\(path)”.", target: path)
            }
            throw ManagementError(
                "DiskNotMounted", .invalidOperation, "“\(path)” is not mounted.",
                action: "A disk of a virtual machine is taken from it with Remove-VMHardDiskDrive.", target: path)
        }
        try dismount(found.record, found.mount, timeout: timeout)
    }

    /// Dismounts every disk, as the host stops; with each what stood in the way, or nil.
    public func dismountAll() throws -> [(disk: MountedDisk, error: (any Error)?)] {
        ConcurrentWork.map(try mountedDisks()) { disk in
            do {
                try self.dismount(disk.path)
                return (disk, nil)
            } catch { return (disk, error) }
        }
    }

    private func dismount(_ record: MountRecord, _ mount: MountFolder, timeout: Double) throws {
        let store = try existingStore()
        let wasServed = try mount.isServed()
        if wasServed {
            try askToEnd(record, mount, until: WorkerClient.deadline(timeout))
        }
        try store.locked {
            // Meanwhile another may have mounted something under the same number.
            guard let now = try? mount.readRecord(), now.processId == record.processId, now.path == record.path, try !mount.isServed()
            else { return }
            try store.removeMount(record.number)
        }
        guard wasServed else {
            throw ManagementError(
                "DiskNotMounted", .invalidOperation,
                "“\(record.path)” is not mounted any more: its server was killed; what clients had flushed is in the file.",
                action: "Nothing is left to dismount.", target: record.path)
        }
    }

    /// Returns when the server has flushed, closed and gone; one that goes by itself meanwhile is gone too.
    private func askToEnd(_ record: MountRecord, _ mount: MountFolder, until end: UInt64) throws {
        while try mount.isServed() {
            guard HostTime.monotonic() < end else {
                throw ManagementError(
                    "DiskNotResponding", .operationTimeout, "The server of “\(record.path)” does not answer.",
                    action: "Repeat the command, or end the process \(record.processId.map(String.init) ?? ""): what was flushed stays.",
                    target: record.path)
            }
            let descriptor = lv_socket_connect(mount.folder.descriptor, MountFolder.controlName)
            guard descriptor >= 0 else {
                // It starts or ends at this moment.
                usleep(5_000)
                continue
            }
            let socket = OpenFile(descriptor: descriptor, path: MountFolder.controlName)
            guard let line = try Self.line(from: socket, until: end), !line.isEmpty else { continue }
            if let answer = try? JSONDecoder().decode([TransportedError?].self, from: Data(line)), let error = answer.first ?? nil {
                throw error
            }
            usleep(2_000)
        }
    }
}
