extension VirtualMachineVerb {
    /// “cannot be …”.
    package var participle: String {
        switch self {
        case .start: "started"
        case .turnOff: "turned off"
        case .shutDown: "shut down"
        case .save: "saved"
        case .pause: "suspended"
        case .resume: "resumed"
        case .reset: "reset"
        case .removeSavedState: "rid of its saved state"
        case .remove: "removed"
        case .changeConfiguration: "configured"
        }
    }
}
