import DeviceModel

/// Carrying interrupts to the local APICs they name. Any thread; only atomics inside.
extension Partition: InterruptMessageSink {
    package func send(_ message: InterruptMessage) {
        if let command = InterruptCommand(message: message) { deliver(command, from: nil) }
    }

    /// Delivers a command; `source` is the sending APIC, which shorthands refer to.
    package func deliver(_ command: InterruptCommand, from source: LocalAPIC?) {
        guard command.isAssert || !command.isLevel || command.mode != .initialise else { return }
        if command.mode == .lowestPriority, command.shorthand == .none {
            deliverToLowest(command)
            return
        }
        for processor in processors {
            let apic = processor.apic
            let isNamed =
                switch command.shorthand {
                case .none: apic.isNamed(by: command)
                case .own: apic === source
                case .all: apic.isEnabled
                case .allButOwn: apic !== source && apic.isEnabled
                }
            guard isNamed else { continue }
            switch command.mode {
            case .fixed, .lowestPriority: apic.accept(vector: command.vector, isLevel: command.isLevel)
            case .nonMaskable, .initialise, .startUp: apic.accept(request: command.mode, vector: command.vector)
            case .systemManagement, .external: break
            }
        }
    }

    /// Lowest priority goes to the enabled APIC with the lowest task priority, among equals to the lowest number.
    private func deliverToLowest(_ command: InterruptCommand) {
        var best: LocalAPIC?
        for processor in processors where processor.apic.isNamed(by: command) && processor.apic.isSoftwareEnabled {
            if let chosen = best, chosen.taskPriority <= processor.apic.taskPriority { continue }
            best = processor.apic
        }
        best?.accept(vector: command.vector, isLevel: command.isLevel)
    }
}
