import Persistence
import Synchronization

/// The worker's event log, for all its threads. A log that cannot be written (full disk) costs events, never the VM.
final class SharedEventLog: Sendable {
    private let folder: Folder
    private struct Contents {
        nonisolated(unsafe) var log: EventLog?
    }
    private let contents = Mutex(Contents())

    init(folder: Folder) { self.folder = folder }

    func append(_ event: VirtualMachineEvent) throws {
        try contents.withLock { contents in
            if contents.log == nil { contents.log = try EventLog(folder: folder) }
            try contents.log?.append(event)
        }
    }

    /// Writes what can be written; a failure goes to the worker's own log.
    func note(_ event: VirtualMachineEvent) {
        do {
            try append(event)
        } catch {
            WorkerOutput.write("event not written (\(error)): \(event.message)")
        }
    }
}
