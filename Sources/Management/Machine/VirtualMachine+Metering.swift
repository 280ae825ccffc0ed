import Basics
import Persistence
import WorkerProtocol

/// Counting what a VM uses.
extension VirtualMachine {
    /// Counts from now on, in any state of the VM; what was counted before goes on.
    public func enableMetering() throws {
        let interval = try host.settings().resourceMeteringSaveInterval ?? HostSettings.defaultMeteringInterval
        try configure { if $0.metering == nil { $0.metering = .init(saveInterval: interval) } }
    }

    /// Counts no more, and forgets what was counted.
    public func disableMetering() throws {
        try configure { $0.metering = nil }
        guard try askIfRunning(MeteringRequest()) == nil else { return }
        try writing("metered") { try UsageRecord.remove(in: $0.folder) }
    }

    /// Begins to count anew. Throws `MeteringDisabled`.
    public func resetMetering() throws {
        try checkMetering()
        guard try askIfRunning(MeteringRequest(resets: true)) == nil else { return }
        try writing("metered") { try UsageRecord.remove(in: $0.folder) }
    }

    /// What it used since metering was enabled or begun anew. Throws `MeteringDisabled`.
    public func usage() throws -> UsageRecord {
        try checkMetering()
        guard let answer = try askIfRunning(MeteringRequest()) else { return UsageRecord.read(in: try files().folder.folder) }
        guard let document = answer.document else { return UsageRecord() }
        return try Document.decode(
            UsageRecord.self, from: Array(document.utf8), currentVersion: UsageRecord.currentVersion, path: "the worker's answer",
            corrupt: "UsageUnreadable", newer: "UsageNewer")
    }

    private func checkMetering() throws {
        guard try configuration().metering == nil else { return }
        throw ManagementError(
            "MeteringDisabled", .invalidOperation, "What “\(name)” uses is not counted.",
            action: "Count it from now on: Enable-VMResourceMetering \(name)", target: name)
    }
}
