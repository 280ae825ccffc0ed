import Basics
import CHost
import FoundationEssentials
import Glibc
import Persistence
import WorkerProtocol

extension VirtualMachine {
    /// Starts the VM from Off or Saved and returns when its guest runs. The worker outlives this process, also when this process ends
    /// during the start. Errors: `AlreadyRunning`, `InvalidState`, `FirmwareMissing`, boot files that cannot be used, `WorkerFailed`.
    public func start(timeout: Double = 120, isCancelled: () -> Bool = { false }) throws {
        let before = try status()
        guard before.state.transition(.start) != nil else {
            if before.state == .offCritical || before.state == .savedCritical { _ = try configuration() }
            guard before.isResponding else { throw ManagementError.silent(name, process: before.workerProcessId) }
            throw ManagementError.alreadyRunning(name, state: before.state)
        }
        if before.configuration?.moving != nil { try writing("started") { try settleMove($0) } }
        if before.state == .off, before.configuration?.automaticCheckpoints == true,
            before.configuration?.checkpointType != "Disabled"
        {
            renewAutomaticCheckpoint()
        }
        let configuration = try configuration()
        try configuration.check()
        let kernel = try kernel(of: configuration)
        let ramdisk = try BootFiles.openInitialRamdisk(configuration)
        let store = try host.existingStore()
        let folder = try files().folder
        let devices: OpenedDevices
        do {
            devices = try OpenedDevices(host: host, startOf: configuration)
        } catch let error as any DescribedError where error.identifier == "DiskInUse" {
            // Another start of this VM may have been quicker.
            guard try !folder.hasWorker() else { throw ManagementError.alreadyRunning(name, state: try status().state) }
            throw error
        }

        var pair: [Int32] = [-1, -1]
        let failure = lv_socket_pair(&pair)
        guard failure == 0 else {
            throw ManagementError(
                "WorkerFailed", .resourceUnavailable, "No socket can be made: \(SystemMessage.text(-failure)).", target: name)
        }
        let report = OpenFile(descriptor: pair[0], path: "ready socket")
        do {
            let ready = OpenFile(descriptor: pair[1], path: "ready socket")
            var descriptors: [WorkerOptions.Role: Int32] = [.folder: folder.folder.descriptor, .ready: ready.descriptor]
            descriptors[.kernel] = kernel.descriptor
            descriptors[.initialRamdisk] = ramdisk?.descriptor
            let memory = try configuration.savedMemory.map { try folder.openMemory($0) } ?? []
            for (number, file) in memory.enumerated() { descriptors[.memory(number)] = file.descriptor }
            let handed = try devices.roles()
            if let handed { descriptors.merge(handed.roles) { $1 } }
            let log = try folder.folder.open(VirtualMachineFolder.logName, O_WRONLY | O_CREAT | O_APPEND, doing: "write")
            if try log.status().st_size > 1 << 20 { try log.truncate(to: 0) }
            let options = WorkerOptions(
                storeId: store.id, virtualMachineId: id, partitionId: try store.drawPartitionId(), startedByUser: CurrentUser.name,
                startedByProcess: getpid())
            var launch = WorkerLaunch(name: name, options: options, descriptors: descriptors, log: log.descriptor)
            if configuration.architecture == .hosted { launch.sharedStore = store.folder.descriptor }
            try withExtendedLifetime((store, kernel, ramdisk, ready, log, devices, memory, handed)) { _ = try host.starter.start(launch) }
            // Our copy of the worker's end goes here, so that its death shows as the end of the stream.
        }
        try wait(for: report, folder: folder, timeout: timeout, isCancelled: isCancelled)
    }

    private func kernel(of configuration: VirtualMachineConfiguration) throws -> OpenFile {
        if let kernel = try BootFiles.openKernel(configuration) { return kernel }
        let firmware = configuration.generation == 1 ? "BIOS" : "UEFI"
        throw ManagementError(
            "FirmwareMissing", .notImplemented,
            "“\(name)” (generation \(configuration.generation)) has no kernel to boot, and \(firmware) firmware is not there yet.",
            action: "Name a kernel: Set-VMFirmware \(name) -KernelPath PATH -InitialRamdiskPath PATH -KernelArguments TEXT", target: name)
    }

    private func wait(for report: OpenFile, folder: VirtualMachineFolder, timeout: Double, isCancelled: () -> Bool) throws {
        let end = WorkerClient.deadline(timeout)
        var line: [UInt8] = []
        while true {
            if isCancelled() { throw ManagementError.stopped }
            guard HostTime.monotonic() < end else { throw ManagementError.silent(name, process: folder.readRunRecord()?.processId) }
            var polled = pollfd(fd: report.descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&polled, 1, 100) > 0 else { continue }
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = read(report.descriptor, &buffer, buffer.count)
            if count < 0 && (errno == EAGAIN || errno == EINTR) { continue }
            guard count > 0 else { break }
            line += buffer[..<count]
            guard line.count < 1 << 20, line.last != 10 else { break }
        }
        if let ready = try? JSONDecoder().decode(ReadyReport.self, from: Data(line)) {
            if let error = ready.error { throw error }
            return
        }
        try settleIfDead()
        let words = Self.lastWords(in: folder)
        throw ManagementError(
            "WorkerFailed", .resourceUnavailable,
            "The worker of “\(name)” ended before the VM ran" + (words.isEmpty ? "." : ": \(words)"),
            action: "Look into “\(folder.folder.path(of: VirtualMachineFolder.logName))” and Get-VMEvent \(name).", target: name)
    }

    /// The last line of the worker's log.
    private static func lastWords(in folder: VirtualMachineFolder) -> String {
        guard let text = try? folder.folder.readFile(VirtualMachineFolder.logName, limit: 4 << 20),
            let line = text.split(separator: 10).last
        else { return "" }
        return String(decoding: line.prefix(300), as: UTF8.self)
    }
}
