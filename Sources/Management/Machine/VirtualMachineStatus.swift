import Basics
import Persistence
import WorkerProtocol

/// One VM at one moment: what `Get-VM` shows.
public struct VirtualMachineStatus: Sendable {
    public var id: GUID
    /// From the configuration; when that cannot be read, the name last known, else the id.
    public var name: String
    public var state: VirtualMachineState
    /// `Operating normally`, `Worker does not answer (process N)`, or why the state is critical.
    public var statusText: String
    /// False when a worker lives and did not answer within its deadline; `state` is then the last recorded one.
    public var isResponding: Bool
    /// Nanoseconds that the VM has been running since its last start, pauses left out; 0 when off.
    public var uptimeNanoseconds: UInt64
    /// Percent of one host's processors' total time used lately, 0–100.
    public var cpuUsage: Int
    /// Bytes of host memory given to the guest; 0 when off.
    public var memoryAssigned: UInt64
    /// nil when the configuration cannot be read (`OffCritical`, `SavedCritical`).
    public var configuration: VirtualMachineConfiguration?
    public var workerProcessId: Int32?
    /// nil when no partition exists.
    public var partitionId: UInt64?
    /// Wall time of the last start, nanoseconds since the Unix epoch; nil when off.
    public var startTime: Int64?
    /// Version of the configuration document, as `major.0`.
    public var version: String
    /// The VM's folder.
    public var path: String
    /// True when a saved state lies in the folder.
    public var hasSavedState: Bool
    /// Which engine runs the VPs; nil when off.
    public var engine: String?
    /// What the guest says of itself; nil when off.
    public var guest: GuestSummary?
}
