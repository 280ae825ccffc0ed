import Basics
import Persistence
import WorkerProtocol

extension VirtualMachine {
    /// Changes the configuration as a whole or not at all: what `change` leaves behind is checked, then written. While the VM runs only
    /// name, notes, automatic actions, checkpoint type and lock on disconnect may change. Returns the new configuration.
    @discardableResult
    public func configure(_ change: (inout VirtualMachineConfiguration) throws -> Void) throws -> VirtualMachineConfiguration {
        let old = try configuration()
        let trial = try applying(change, to: old)
        guard trial != old else { return old }
        guard trial.name != old.name else { return try write(change) }
        let store = try files().store
        return try store.locked {
            let key = VirtualMachineConfiguration.key(ofName: trial.name)
            if try host.names(in: store, without: id).contains(key) { throw ManagementError.exists(trial.name) }
            let new = try write(change)
            store.remember(name: new.name, of: id)
            return new
        }
    }

    /// Renames the VM, in any state. Throws `VMNameInvalid`, `VMNameExists`.
    public func rename(to new: String) throws { try configure { $0.name = new } }

    private func applying(
        _ change: (inout VirtualMachineConfiguration) throws -> Void, to old: VirtualMachineConfiguration
    ) throws -> VirtualMachineConfiguration {
        var new = old
        try change(&new)
        (new.version, new.id, new.creationTime) = (old.version, old.id, old.creationTime)
        guard new.generation == old.generation else {
            throw ManagementError(
                "GenerationInvalid", .invalidArgument, "The generation of “\(old.name)” cannot be changed.", target: old.name)
        }
        if new.timeMode == .real { new.seed = nil }
        try VirtualMachineHost.complete(&new)
        try new.check()
        try BootFiles.check(new, old: old)
        return new
    }

    private func write(_ change: (inout VirtualMachineConfiguration) throws -> Void) throws -> VirtualMachineConfiguration {
        let new = try writeThroughWorker(change) ?? writeDirectly(change)
        remember(name: new.name)
        return new
    }

    private func writeThroughWorker(
        _ change: (inout VirtualMachineConfiguration) throws -> Void
    ) throws -> VirtualMachineConfiguration? {
        guard try files().folder.hasWorker() else { return nil }
        let new = try applying(change, to: try configuration())
        let document = String(decoding: try Document.encode(new), as: UTF8.self)
        return try askIfRunning(ConfigureRequest(document: document), seconds: 10).map { _ in new }
    }

    private func writeDirectly(_ change: (inout VirtualMachineConfiguration) throws -> Void) throws -> VirtualMachineConfiguration {
        try writing("configured") { folder in
            let old = try folder.readConfiguration()
            let new = try applying(change, to: old)
            if folder.hasSavedState, old.takingLiveFields(from: new) != new {
                throw ManagementError.refused(
                    "configured", old.name, state: .saved,
                    action: "Start it, or throw its saved state away: Remove-VMSavedState \(old.name)")
            }
            try folder.write(new)
            if new.name != old.name {
                let initiator = CurrentUser.initiator
                _ = try? EventLog(folder: folder.folder).append(
                    VirtualMachineEvent(.renamed, message: "Renamed from “\(old.name)” by \(initiator.user).", initiator: initiator))
            }
            return new
        }
    }
}
