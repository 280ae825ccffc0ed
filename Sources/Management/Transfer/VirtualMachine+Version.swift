import Persistence

extension VirtualMachine {
    /// Rewrites a configuration of an older version in the newest one, while the VM is off. False: it was the newest. A newer one is refused
    /// when it is read (`ConfigurationNewer`).
    @discardableResult
    public func updateVersion() throws -> Bool {
        func isOld(_ configuration: VirtualMachineConfiguration) -> Bool {
            ([configuration] + configuration.checkpoints.map(\.configuration)).contains {
                $0.version < VirtualMachineConfiguration.currentVersion
            }
        }
        guard isOld(try configuration()) else { return false }
        return try writing("upgraded") { folder in
            var new = try folder.readConfiguration()
            guard !folder.isSaved(new) else {
                throw ManagementError.refused(
                    "upgraded", name, state: .saved,
                    action: "Start it and shut it down first, or throw its saved state away: Remove-VMSavedState \(name)")
            }
            new.version = VirtualMachineConfiguration.currentVersion
            for index in (new.past?.checkpoints ?? []).indices {
                new.past?.checkpoints[index].configuration.version = VirtualMachineConfiguration.currentVersion
            }
            try folder.write(new)
            return true
        }
    }
}
