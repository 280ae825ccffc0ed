import Basics
import Glibc

/// One VM's folder.
///
/// ```
/// vms/<id>/configuration.json   the VM; replaced as a whole
///          folder.lock          held by a client that writes here while no worker lives, and by a starting worker for a moment
///          worker.lock          held by the worker for life: held means alive
///          run.json             what runs, while it runs
///          control.sock         the worker's socket
///          saved.state          the saved machine; its presence, or the configuration's `savedMemory`, means Saved when no worker lives
///          checkpoints/         memory of checkpoints, `<id>.memory`
///          disks/               a linked clone's disks
///          boot/                kernel and initial ramdisk of an imported VM
///          events.jsonl         the event log
///          console-1.ring       what the guest wrote to COM1 (and -2)
///          worker.log           the worker's standard output and error
///          interrupted          it ran when the host went down; until the next start of the host
/// ```
package struct VirtualMachineFolder: Sendable {
    package static let configurationName = "configuration.json"
    package static let folderLockName = "folder.lock"
    package static let configurationLockName = "configuration.lock"
    package static let workerLockName = "worker.lock"
    package static let runRecordName = "run.json"
    package static let socketName = "control.sock"
    package static let savedStateName = "saved.state"
    package static let disksName = "disks"
    package static let bootName = "boot"
    /// Bytes of a configuration with its checkpoints; what is read may be somewhat longer.
    package static let longestConfiguration = 12 << 20
    package static let logName = "worker.log"
    private static let interruptedName = "interrupted"

    package let id: GUID
    package let folder: Folder

    package init(id: GUID, folder: Folder) { (self.id, self.folder) = (id, folder) }

    package func readConfiguration() throws -> VirtualMachineConfiguration {
        let path = folder.path(of: Self.configurationName)
        let bytes: [UInt8]
        do {
            bytes = try folder.readFile(Self.configurationName)
        } catch let error as PersistenceError where error.isNotFound && folder.file.hasName {
            throw PersistenceError(
                "ConfigurationUnreadable", .invalidData, "“\(path)” is missing.",
                action: "Restore the file from a backup, or remove the VM with Remove-VM -Force.", target: path)
        }
        let configuration = try DecodedConfigurations.shared.decode(bytes, path: path, of: id)
        guard configuration.id == id else {
            throw PersistenceError(
                "ConfigurationUnreadable", .invalidData, "“\(path)” is of another VM (\(configuration.id)).",
                action: "Give the folder the name of the id in it, or restore the file from a backup.", target: path)
        }
        return configuration
    }

    package func write(_ configuration: VirtualMachineConfiguration, _ durability: Folder.Durability = .lasting) throws {
        let document = try encode(configuration)
        try folder.replaceFile(Self.configurationName, with: document, durability)
        DecodedConfigurations.shared.keep(configuration, as: document)
    }

    /// Writes a configuration that `body` makes true, while that runs: its document takes the old one's place when both are done. What either
    /// throws leaves the old one.
    package func write(_ configuration: VirtualMachineConfiguration, beside body: () throws -> Void) throws {
        let (made, written) = ConcurrentWork.both(body) {
            let document = try encode(configuration)
            return (document, next: try folder.prepareFile(Self.configurationName) { try $0.write(document) })
        }
        do { try made.get() } catch {
            (try? written.get())?.next.abandon()
            throw error
        }
        let (document, next) = try written.get()
        try next.takePlace()
        DecodedConfigurations.shared.keep(configuration, as: document)
    }

    /// Writes a configuration that `body` makes true: it runs when the document has its room on the host's disk, gives what shall be in it,
    /// and the document takes the old one's place when it has returned. What it throws leaves the old one.
    package func write(_ configuration: VirtualMachineConfiguration, making body: () throws -> VirtualMachineConfiguration) throws {
        let document = try encode(configuration)
        try folder.replaceFile(Self.configurationName) { file in
            try file.write(document)
            try file.synchronize()
            let final = try encode(try body())
            guard final != document else { return }
            try file.truncate(to: 0)
            lseek(file.descriptor, 0, SEEK_SET)
            try file.write(final)
        }
    }

    private func encode(_ configuration: VirtualMachineConfiguration) throws -> [UInt8] {
        let document = try ConfigurationDocument.shared.encode(configuration)
        guard document.count <= Self.longestConfiguration else {
            let (name, count) = (configuration.name, configuration.checkpoints.count)
            throw PersistenceError(
                "ConfigurationTooLarge", .writeError,
                "The configuration of “\(name)” with its \(count) checkpoints would be longer than \(Self.longestConfiguration >> 20) MiB.",
                action: "Remove checkpoints that are not needed: Remove-VMSnapshot -VMName \(name).", target: name)
        }
        return document
    }

    /// nil when there is none, or none that can be read (a worker was killed while it wrote its first one).
    package func readRunRecord() -> RunRecord? {
        guard let bytes = try? folder.readFile(Self.runRecordName, limit: 1 << 16) else { return nil }
        return try? Document.decode(
            RunRecord.self, from: bytes, currentVersion: RunRecord.currentVersion, path: Self.runRecordName, corrupt: "", newer: "")
    }

    package var hasRunRecord: Bool { folder.exists(Self.runRecordName) }

    /// After a power cut nothing runs, with or without the record.
    package func write(_ record: RunRecord) throws {
        try folder.replaceFile(Self.runRecordName, with: try Document.encode(record), .none)
    }

    package func removeRunRecord() throws {
        try folder.remove(Self.runRecordName)
        try folder.remove(Self.socketName)
        folder.synchronize()
    }

    package var hasSavedState: Bool { folder.exists(Self.savedStateName) }

    /// True when the next start goes on from memory.
    package func isSaved(_ configuration: VirtualMachineConfiguration?) -> Bool { configuration?.savedMemory != nil || hasSavedState }

    /// True while a worker lives.
    package func hasWorker() throws -> Bool { try FileLock.isHeld(Self.workerLockName, in: folder) }

    /// Held from reading a running VM's configuration until its worker has taken the change: two changes at once would otherwise both
    /// start from the old one, and the second would undo the first.
    package func lockConfiguration(seconds: Double = 60, isCancelled: () -> Bool = { false }) throws -> FileLock {
        try FileLock.wait(Self.configurationLockName, in: folder, seconds: seconds, isCancelled: isCancelled)
    }

    package func lockFolder(seconds: Double = 10) throws -> FileLock {
        try FileLock.wait(Self.folderLockName, in: folder, seconds: seconds)
    }

    /// Call under `folder.lock`. When a run record lies here and no worker lives, the worker died: says so once in the event log.
    /// `cause` replaces the text when the caller knows better. Returns whether it was so.
    @discardableResult
    package func settleDeadWorker(cause: VirtualMachineEvent? = nil) throws -> Bool {
        guard hasRunRecord, try !hasWorker() else { return false }
        let record = readRunRecord()
        let rebooted = record.map { $0.bootId != ProcessIdentity.bootId() } ?? false
        let process = record.map { "process \($0.processId)" } ?? "its process"
        let message =
            rebooted
            ? "The host was restarted or lost power while the VM was \(record?.state ?? "running")."
            : "The worker (\(process)) died while the VM was \(record?.state ?? "starting"): it was killed or failed. What it printed last is in \(Self.logName)."
        let died = VirtualMachineEvent(.workerDied, level: .critical, message: message)
        try EventLog(folder: folder).append(cause ?? died)
        // A save that was cut off may have left as much as the machine's memory.
        try? folder.remove(Self.savedStateName + ".new")
        if rebooted { try? folder.replaceFile(Self.interruptedName, with: []) }
        try removeRunRecord()
        return true
    }

    /// True when the VM ran as the host went down, and no start of the host has seen to it since.
    package var wasInterrupted: Bool { folder.exists(Self.interruptedName) }

    package func forgetInterruption() { try? folder.remove(Self.interruptedName) }
}
