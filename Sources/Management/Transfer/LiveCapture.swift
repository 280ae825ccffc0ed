/// What an export keeps of a VM that runs.
public enum LiveCapture: String, Sendable, CaseIterable {
    /// Memory, devices and disks of one instant: the imported VM goes on from there.
    case savedState = "CaptureSavedState"
    /// Disks whose file systems the guest had made consistent.
    case dataConsistent = "CaptureDataConsistentState"
    /// Disks as a power cut would leave them.
    case crashConsistent = "CaptureCrashConsistentState"

    /// The checkpoint that holds it, as `CheckpointRequest` names the kinds.
    var checkpointKind: String {
        switch self {
        case .savedState: "Standard"
        case .dataConsistent: "ProductionOnly"
        case .crashConsistent: "CrashConsistent"
        }
    }
}
