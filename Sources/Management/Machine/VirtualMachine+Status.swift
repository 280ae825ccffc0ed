import Basics
import Glibc
import Persistence
import WorkerProtocol

extension VirtualMachine {
    /// The VM now, from its worker or from disk, within a second. A worker that does not answer is shown with the last recorded state.
    /// Throws `VMNotFound`; a configuration that cannot be read is no error but the state `OffCritical`.
    public func status() throws -> VirtualMachineStatus {
        if let plan { return plan.status(of: self) }
        let end = WorkerClient.deadline(Self.patience)
        while true {
            let (store, folder) = try files()
            guard try folder.hasWorker() else {
                if folder.hasRunRecord { try settleIfDead() }
                // Still there: this user may not write, or a worker is just starting.
                return try restingStatus(folder)
            }
            do {
                let client = try WorkerClient(folder: folder, storeId: store.id, seconds: Self.left(until: end), trace: host.trace)
                let answer = try client.ask(StatusRequest(), seconds: Self.left(until: end))
                return try status(folder, from: answer)
            } catch WorkerClient.Failure.absent, WorkerClient.Failure.closed {
                // It has no socket yet, or no more: look again.
                guard HostTime.monotonic() < end else { return try silentStatus(folder) }
                usleep(3_000)
            } catch WorkerClient.Failure.timeout {
                return try silentStatus(folder)
            }
        }
    }

    static func left(until end: UInt64) -> Double {
        let now = HostTime.monotonic()
        return now < end ? Double(end - now) / 1e9 : 0
    }

    private func status(_ folder: VirtualMachineFolder, from answer: WorkerStatus) throws -> VirtualMachineStatus {
        var status = try restingStatus(folder)
        status.state = answer.state
        status.uptimeNanoseconds = answer.uptimeNanoseconds
        status.cpuUsage = answer.cpuUsage
        status.memoryAssigned = answer.memoryAssigned
        status.workerProcessId = answer.processId
        status.partitionId = answer.partitionId
        status.startTime = answer.startTime
        status.engine = answer.engine.isEmpty ? nil : answer.engine
        status.guest = answer.guest
        if let activity = answer.activity { status.statusText = activity }
        if status.state == .pausedCritical { status.statusText = "Stands still because of trouble; Get-VMEvent says why" }
        return status
    }

    private func silentStatus(_ folder: VirtualMachineFolder) throws -> VirtualMachineStatus {
        var status = try restingStatus(folder)
        let record = folder.readRunRecord()
        status.state = record.flatMap { VirtualMachineState(rawValue: $0.state) } ?? .starting
        status.isResponding = false
        status.statusText = "Worker does not answer" + (record.map { " (process \($0.processId))" } ?? "")
        status.workerProcessId = record?.processId
        status.partitionId = record?.partitionId
        status.startTime = record?.startTime
        status.memoryAssigned = record?.memoryAssigned ?? 0
        return status
    }

    private static let normal = "Operating normally"

    /// What the disk says of a VM that does not run.
    private func restingStatus(_ folder: VirtualMachineFolder) throws -> VirtualMachineStatus {
        let read = Result { try folder.readConfiguration() }
        let hasSavedState = folder.isSaved(try? read.get())
        var status = VirtualMachineStatus(
            id: id, name: name, state: hasSavedState ? .saved : .off, statusText: Self.normal, isResponding: true, uptimeNanoseconds: 0,
            cpuUsage: 0, memoryAssigned: 0, configuration: nil, workerProcessId: nil, partitionId: nil, startTime: nil, version: "",
            path: folder.folder.path, hasSavedState: hasSavedState, engine: nil, guest: nil)
        do {
            let configuration = try read.get()
            remember(name: configuration.name)
            status.name = configuration.name
            status.configuration = configuration
            status.version = "\(configuration.version).0"
            // Exact mode draws ids, MACs and RDRAND from the seed: who reads a list must see it.
            if configuration.timeMode == .exact { status.statusText = "\(Self.normal) (seeded, not for secrets)" }
        } catch {
            guard folder.folder.file.hasName else { throw ManagementError.notFound(name, nearest: nil) }
            status.state = hasSavedState ? .savedCritical : .offCritical
            status.statusText = (error as? any DescribedError)?.message ?? String(describing: error)
        }
        return status
    }
}
