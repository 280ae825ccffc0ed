import Basics
import Persistence
import WorkerProtocol

extension VirtualMachine {
    /// Changes the configuration as a whole or not at all: what `change` leaves behind is checked, then written. Returns the new
    /// configuration.
    ///
    /// While the VM runs, only what `ConfigurationDifference` calls a change may change; the running machine follows at once. While it is
    /// saved, only what its guest does not see. Images of drives are opened and looked at unless `verifyingImages` is false.
    @discardableResult
    public func configure(
        verifyingImages: Bool = true, _ change: (inout VirtualMachineConfiguration) throws -> Void
    ) throws -> VirtualMachineConfiguration {
        if let plan {
            let new = try plan.change { try applying(change, to: $0) }
            remember(name: new.name)
            return new
        }
        let old = try configuration()
        let trial = try applying(change, to: old)
        guard trial != old else { return old }
        if verifyingImages {
            // What others stand on must not be written.
            let former = Set(old.drives.compactMap(\.drive.path))
            for drive in trial.drives.map(\.drive) where drive.kind == .hardDisk {
                if let path = drive.path, !former.contains(path) { try host.checkUnneeded(path) }
            }
        }
        if verifyingImages, try !files().folder.hasWorker() {
            for placed in trial.drives where placed.drive.path != nil && !old.drives.contains(placed) {
                // One that only moves was looked at before, and may be on a medium that is away just now.
                guard !old.drives.contains(where: { $0.drive.path == placed.drive.path }) else { continue }
                try host.checkImage(placed.drive, for: old.name)
            }
        }
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
        new.noteDetached(from: old)
        new.noteSnapshotLocations(of: old)
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
        let folder = try files().folder
        guard try folder.hasWorker() else { return nil }
        let lock = try folder.lockConfiguration()
        defer { withExtendedLifetime(lock) {} }
        let old = try configuration()
        let new = try applying(change, to: old)
        let difference = old.difference(to: new)
        guard difference.needsOff.isEmpty else {
            throw ManagementError(
                "InvalidState", .invalidOperation,
                "“\(name)” is running: \(difference.needsOff.joined(separator: " and ")) can be changed only while it is off.",
                action: "Stop it first: Stop-VM \(name)", target: name)
        }
        let devices = try OpenedDevices(host: host, changes: difference.changes, of: old)
        var present = new
        present.past = nil
        let request = ConfigureRequest(
            document: String(decoding: try Document.encode(present), as: UTF8.self),
            past: new.past.map { PastChange(to: $0, from: old.past) },
            handover: devices.descriptors.isEmpty ? nil : devices.handover)
        return try withExtendedLifetime(devices) {
            try askIfRunning(request, seconds: 20, descriptors: devices.descriptors).map { _ in new }
        }
    }

    private func writeDirectly(_ change: (inout VirtualMachineConfiguration) throws -> Void) throws -> VirtualMachineConfiguration {
        try writing("configured") { folder in
            let old = try folder.readConfiguration()
            let new = try applying(change, to: old)
            if folder.isSaved(old), !old.difference(to: new).leavesDevicesAlone {
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

extension PastChange {
    fileprivate init(to new: VirtualMachineConfiguration.Past, from old: VirtualMachineConfiguration.Past?) {
        let known = Dictionary((old?.checkpoints ?? []).map { ($0.id, $0.name) }, uniquingKeysWith: { first, _ in first })
        let renamed = new.checkpoints.filter { known[$0.id] != $0.name }
        self.init(
            names: Dictionary(renamed.map { ($0.id, $0.name) }, uniquingKeysWith: { first, _ in first }), shared: new.shared,
            detached: new.detached)
    }
}
