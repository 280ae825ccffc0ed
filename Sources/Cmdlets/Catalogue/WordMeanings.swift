import WorkerProtocol

/// One line about each word of enumerations whose words do not say everything themselves, as completion shows it.
enum WordMeanings {
    /// By the type's name. Both are complete where a type is here at all; a test looks.
    static let byType: [String: [String: String]] = [
        "ActionPreference": [
            "Stop": "raises an error", "Continue": "writes it and goes on", "SilentlyContinue": "goes on; $Error has it",
            "Ignore": "goes on; nothing has it", "Inquire": "asks",
        ],
        "Architecture": [
            "Microkernel": "services in the parent partition, as in Hyper-V", "Monolithic": "devices and services in the hypervisor",
            "DriverDomain": "disks in processes of their own", "Hosted": "one process runs all machines",
            "TrapAndEmulate": "a guest without enlightenments",
        ],
        "CaptureLiveState": [
            "CaptureSavedState": "with memory; it goes on from there",
            "CaptureDataConsistentState": "disks as the guest made them consistent",
            "CaptureCrashConsistentState": "disks as after a power cut",
        ],
        "CheckpointType": [
            "Disabled": "no checkpoints", "Production": "consistent disks, else with memory",
            "ProductionOnly": "consistent disks, or an error",
            "Standard": "with memory",
        ],
        "CriticalErrorAction": ["None": "nothing is done", "Pause": "it stands until the disk is back"],
        "GroupType": ["VMCollectionType": "holds machines", "ManagementCollectionType": "holds groups"],
        "JobState": ["Running": "still works", "Completed": "is done", "Failed": "ended with an error", "Stopped": "was ended"],
        "OnOffState": ["On": "in effect", "Off": "not in effect"],
        "ProcessorEngine": [
            "Auto": "the fastest that the host allows", "Interpreter": "instruction by instruction", "Translator": "makes host code",
            "Kvm": "the host's processor",
        ],
        "QuoteKind": ["Always": "every field", "AsNeeded": "fields with commas, quotes or line ends", "Never": "no field"],
        "RestartType": ["Reset": "as by the reset button", "Reboot": "asks the guest"],
        "SnapshotType": [
            "Standard": "with memory", "Recovery": "made for a recovery", "Planned": "made for a planned failover", "Missing": "lost",
            "Replica": "of a replica", "AppConsistentReplica": "of a replica, made consistent", "SyncedReplica": "of a replica in step",
        ],
        "StartAction": [
            "Nothing": "stays off", "StartIfRunning": "starts if it ran when the host went down", "Start": "always starts",
        ],
        "StopAction": ["TurnOff": "cuts its power", "Save": "saves its state", "ShutDown": "asks the guest, else saves it"],
        "TestPathType": ["Any": "a file or a folder", "Container": "a folder", "Leaf": "a file"],
        "TimeMode": ["Real": "follows the host's clock", "Exact": "the same inputs give the same run"],
        "TraceLevel": [
            "Error": "what failed", "Warning": "and what may fail", "Info": "and each call", "Verbose": "and what is done for it",
        ],
        "VMEventLevel": ["Information": "what was done", "Warning": "what needs a look", "Critical": "what ended or stopped a machine"],
        "VMFileKind": [
            "Configuration": "settings", "Disk": "attached to a drive", "Image": "what disks stand on", "Memory": "of a checkpoint",
            "SavedState": "of a saved machine", "Console": "what the guest wrote", "Log": "events",
            "Partial": "left by work that was cut off",
            "Other": "anything else",
        ],
        "VMKeyValuePool": ["Intrinsic": "what every guest tells", "Guest": "set by the guest", "Host": "set by the host"],
        "VMNetworkAdapterAclAction": ["Allow": "frames pass", "Deny": "frames are dropped", "Meter": "bytes are counted"],
        "VMNetworkAdapterAclDirection": ["Inbound": "to the guest", "Outbound": "from the guest", "Both": "either way"],
        "VMNetworkAdapterExtendedAclAction": ["Allow": "frames pass", "Deny": "frames are dropped"],
        "VMNetworkAdapterExtendedAclDirection": ["Inbound": "to the guest", "Outbound": "from the guest"],
        "VMNetworkAdapterPortMirroringMode": [
            "None": "no frames are copied", "Destination": "gets the copies", "Source": "its frames are copied",
        ],
        "VMState": Dictionary(uniqueKeysWithValues: VirtualMachineState.allCases.map { ($0.rawValue, meaning(of: $0)) }),
        "VMSwitchBandwidthMode": [
            "Default": "by absolute rates", "Weight": "by shares", "Absolute": "by bits a second", "None": "no minimum is kept",
        ],
        "VMSwitchType": [
            "Internal": "guests and the host", "Private": "guests only", "External": "guests and a network of the host",
            "NAT": "guests reach out through the host",
        ],
        "VhdCompactMode": [
            "Full": "finds zeros and unused blocks", "Quick": "unused blocks only", "Retrim": "gives holes back to the host",
            "Pretrimmed": "only blocks the guest has trimmed", "Prezeroed": "only blocks that are zero",
        ],
        "VhdType": [
            "Unknown": "not known", "Fixed": "takes its whole size at once", "Dynamic": "grows with what is written",
            "Differencing": "holds what differs from its parent",
        ],
        "WaitVMTypes": ["Heartbeat": "the guest's services answer", "IPAddress": "the guest has an address"],
    ]

    private static func meaning(of state: VirtualMachineState) -> String {
        switch state {
        case .off: "does not run"
        case .starting: "is being started"
        case .running: "runs"
        case .pausing: "is being paused"
        case .paused: "stands still, its memory held"
        case .resuming: "goes on from where it stood"
        case .saving: "its state is being written"
        case .saved: "its state lies in a file"
        case .stopping: "is being shut down"
        case .reset: "is being reset"
        case .offCritical: "off, and something it needs is gone"
        case .pausedCritical: "stands still, for room is short"
        case .savedCritical: "saved, and something it needs is gone"
        }
    }
}

extension Catalogue {
    /// Meanings of words by type and word.
    package static var meanings: [String: [String: String]] { WordMeanings.byType }

    /// One line about a word of a type, where there is more to say than the word says.
    public static func meaning(of word: String, type: String) -> String? { WordMeanings.byType[type]?[word] }
}
