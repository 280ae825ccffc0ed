/// The states of a VM, with the real module's names, and which verb leads from which to which: the one place that says so.
public enum VirtualMachineState: String, Codable, Sendable, CaseIterable {
    case off = "Off"
    case starting = "Starting"
    case running = "Running"
    case pausing = "Pausing"
    case paused = "Paused"
    case resuming = "Resuming"
    case saving = "Saving"
    case saved = "Saved"
    case stopping = "Stopping"
    case reset = "Reset"
    case offCritical = "OffCritical"
    case pausedCritical = "PausedCritical"
    case savedCritical = "SavedCritical"
}

/// What a user asks of a VM.
public enum VirtualMachineVerb: String, Codable, Sendable, CaseIterable {
    case start, turnOff, shutDown, save, pause, resume, reset, removeSavedState, remove, changeConfiguration
}

extension VirtualMachineState {
    /// True while a worker process runs the VM.
    public var hasWorker: Bool {
        switch self {
        case .off, .saved, .offCritical, .savedCritical: false
        default: true
        }
    }

    /// The state that `verb` passes through and the one it ends in; nil: the verb is refused in this state. What a guest that resets itself may
    /// be asked waits until it has.
    public func transition(_ verb: VirtualMachineVerb) -> (through: VirtualMachineState, to: VirtualMachineState)? {
        switch (self, verb) {
        case (.off, .start), (.saved, .start): (.starting, .running)
        case (.running, .turnOff), (.paused, .turnOff), (.pausedCritical, .turnOff), (.starting, .turnOff), (.reset, .turnOff):
            (.stopping, .off)
        case (.running, .shutDown): (.stopping, .off)
        case (.running, .save), (.paused, .save), (.pausedCritical, .save), (.reset, .save): (.saving, .saved)
        case (.running, .pause): (.pausing, .paused)
        case (.paused, .resume), (.pausedCritical, .resume): (.resuming, .running)
        case (.running, .reset), (.paused, .reset): (.reset, .running)
        case (.saved, .removeSavedState), (.savedCritical, .removeSavedState): (.off, .off)
        case (.saved, .turnOff): (.off, .off)
        case (.off, .remove), (.saved, .remove), (.offCritical, .remove), (.savedCritical, .remove): (.off, .off)
        case (.off, .changeConfiguration): (.off, .off)
        default: nil
        }
    }
}
