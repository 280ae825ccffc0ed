import Basics
import CHost
import Glibc
import Persistence
import Synchronization
import WorkerProtocol

/// One worker: owner of one VM's folder for as long as the VM runs.
///
/// ```
/// run():  folder.lock → worker.lock → run.json → control.sock → let folder.lock go
///         server thread (the caller's):  peers, console input and output          never waits
///         actions thread:                start, save, reset … one at a time        may take long
///         conversations, copies, readings: what concerns guest and devices         may take long
///         the machine's own thread:      console text, guest events, state changes (MachineDelegate)
/// end:    machine closed → run.json and control.sock removed → worker.lock free → connections closed
/// ```
/// The order at the end makes a closed connection mean that the VM's folder belongs to the clients again.
package final class WorkerInstance: Sendable {
    struct Phase {
        var machine: (any MachineControlling)?
        /// The machine that has ended: to give its memory back takes long, and nobody shall wait for it who waits for the VM's folder.
        var closed: (any MachineControlling)?
        /// The state while no machine says better: starting, then the final one.
        var fallback = VirtualMachineState.starting
        /// A verb of ours is at work: state changes are its doing.
        var isActing = false
        var hasEnded = false
        /// True once the log says why the VM stopped.
        var saidStopped = false
        /// Resets that we asked for and the machine has not told of yet.
        var ownResets = 0
        /// Drives whose media the guest ejected, and whose configuration does not say so yet.
        var ejections: [DrivePlace] = []
        var reading: (taken: UInt64, value: MachineReading)?
        /// What was said last of the VM's status.
        var status: WorkerStatus?
        /// The merge, or the move of storage, that goes on beside the guest.
        var merging: MergeTask?
        /// The memory image since which the machine knows what has changed.
        var memoryBase: VirtualMachineConfiguration.MemoryImage?
        /// What the guest's devices said last.
        var information: GuestInformation?
    }

    /// Everything that exists from the moment the locks are held.
    struct Claim: Sendable {
        /// Held until the VM has ended.
        let lock: FileLock?
        let server: ControlServer
        let startTime: Int64
    }

    let options: WorkerOptions
    let isHosted: Bool
    let assemble: MachineAssembler
    let folder: VirtualMachineFolder
    /// Kernel and ramdisk as handed over.
    let kernel: OpenFile?
    let initialRamdisk: OpenFile?
    /// Images and switches as handed over.
    let devices: HandedDevices
    /// The memory to go on from, and what it builds on, nearest first, as handed over.
    let memory: [OpenFile]
    let actions = ActionQueue()
    /// Talks with the guest, and copies of files into it: neither keeps a verb waiting.
    let conversations = ActionQueue()
    let copies = ActionQueue()
    /// Moves of the VM's storage.
    let moves = ActionQueue()
    /// Looks at the machine's devices, which may be busy; nobody else waits for that.
    let readings = ActionQueue()
    let phase = Mutex(Phase())
    /// Held from reading the configuration to writing it: verbs, ejections and merges change it on threads of their own.
    let document = HostLock()
    let name = Mutex("")
    let claim = Mutex<Claim?>(nil)
    let ports = Mutex<[ConsolePort]>([])
    let log: SharedEventLog
    let inputs = InputLog()
    let meter = UsageMeter()
    let record = Mutex<RunRecord?>(nil)
    private let readyPipe: Mutex<OpenFile?>

    /// Takes over the descriptors that the options name. A hosted worker lives as a thread of another program.
    package init(options: WorkerOptions, isHosted: Bool, assemble: @escaping MachineAssembler) throws {
        self.options = options
        self.isHosted = isHosted
        self.assemble = assemble
        func file(_ role: WorkerOptions.Role) -> OpenFile? {
            options[role].map { OpenFile(descriptor: $0, path: role.rawValue) }
        }
        readyPipe = Mutex(file(.ready))
        kernel = file(.kernel)
        initialRamdisk = file(.initialRamdisk)
        memory = options.memory.map { OpenFile(descriptor: $0, path: "a checkpoint's memory") }
        devices = try HandedDevices(options)
        guard let descriptor = options[.folder] else { throw WorkerError.usage("no folder was handed over") }
        folder = VirtualMachineFolder(id: options.virtualMachineId, folder: Folder(descriptor: descriptor, path: "the VM's folder"))
        log = SharedEventLog(folder: folder.folder)
    }

    /// Serves until the VM has stopped, was saved, or could not be started; 0 or 1.
    package func run() -> Int32 {
        let server: ControlServer
        do {
            server = try takeOver()
        } catch {
            devices.closeAll()
            report(error)
            return 1
        }
        actions.add { [self] in startMachine() }
        server.run(WorkerService(instance: self))
        for port in ports.withLock({ $0 }) { port.detachAll() }
        // Else the process ends now, and takes the machine with it.
        if isHosted {
            let closed = phase.withLock { phase in
                defer { phase.closed = nil }
                return phase.closed
            }
            withExtendedLifetime(closed) {}
        }
        return phase.withLock { $0.fallback == .starting } ? 1 : 0
    }

    /// The host stops: does what the configuration says shall be done then.
    package func hostStops() {
        actions.add { [self] in
            let saves = (try? folder.readConfiguration())?.automaticStopAction == "Save"
            do {
                try perform(saves ? .save : .turnOff, by: nil)
            } catch {
                try? perform(.turnOff, by: nil)
            }
        }
    }

    /// Locks, run record, socket; everything is undone by closing when it throws.
    private func takeOver() throws -> ControlServer {
        let guarding = try folder.lockFolder()
        defer { withExtendedLifetime(guarding) {} }
        guard let lock = try FileLock.take(VirtualMachineFolder.workerLockName, in: folder.folder) else {
            let known = (try? folder.readConfiguration().name) ?? folder.id.description
            throw WorkerError.alreadyRunning(known, process: folder.readRunRecord()?.processId)
        }
        // Only a lock test from elsewhere sees a held lock; here we know that whoever left a record is gone.
        try settlePredecessor()
        let configuration = try folder.readConfiguration()
        name.withLock { $0 = configuration.name }
        try configuration.check()
        var record = RunRecord(partitionId: options.partitionId, state: VirtualMachineState.starting.rawValue, isHosted: isHosted)
        record.memoryAssigned = configuration.memory.startupBytes
        try folder.write(record)
        do {
            let listener = lv_socket_listen(folder.folder.descriptor, VirtualMachineFolder.socketName, 64)
            guard listener >= 0 else {
                throw WorkerError(
                    "WorkerFailed", .resourceUnavailable,
                    "The control socket of “\(configuration.name)” cannot be made: \(SystemMessage.text(-listener)).",
                    target: configuration.name)
            }
            let server = try ControlServer(listener: OpenFile(descriptor: listener, path: VirtualMachineFolder.socketName))
            claim.withLock { $0 = Claim(lock: lock, server: server, startTime: record.startTime) }
            self.record.withLock { $0 = record }
            return server
        } catch {
            try? folder.removeRunRecord()
            throw error
        }
    }

    private func settlePredecessor() throws {
        guard folder.hasRunRecord else { return }
        let died = VirtualMachineEvent(
            .workerDied, level: .critical,
            message: "The worker before this one died while the VM was \(folder.readRunRecord()?.state ?? "starting").")
        try log.append(died)
        try folder.removeRunRecord()
    }

    /// Tells the starter, if it still listens, that the VM runs or why it does not.
    func report(_ error: (any Error)?) {
        guard
            let pipe = readyPipe.withLock({ pipe in
                defer { pipe = nil }
                return pipe
            })
        else { return }
        let report = ReadyReport(processId: getpid(), error: error.map { TransportedError($0) })
        guard let line = try? Document.encodeLine(report) else { return }
        // A socket, so that a starter that is gone costs no signal; the line is far smaller than its buffer.
        _ = lv_send(pipe.descriptor, line + [10], line.count + 1, nil, 0)
    }

    var server: ControlServer? { claim.withLock { $0?.server } }

    /// The machine's state, or ours while there is none. Off and Saved are true only when the folder is the clients' again, events
    /// written and lock free: until then the VM is still starting, stopping or being saved.
    var state: VirtualMachineState {
        let (machine, fallback) = phase.withLock { ($0.hasEnded ? nil : $0.machine, $0.fallback) }
        guard let machine else { return fallback }
        let state = machine.state
        if state.hasWorker { return state }
        return fallback == .starting ? .starting : Self.way(to: state)
    }

    /// What a VM is shown as on its way to a state without a worker.
    static func way(to final: VirtualMachineState) -> VirtualMachineState {
        switch final {
        case .saved: .saving
        case .starting: .starting
        default: .stopping
        }
    }
}
