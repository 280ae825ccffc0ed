import Basics

/// One thing that may change while a VM runs.
public enum ConfigurationChange: Codable, Equatable, Sendable {
    case addDrive(controller: GUID, VirtualMachineConfiguration.Drive)
    case removeDrive(controller: GUID, location: Int)
    /// A DVD drive's medium: inserted, ejected (`path` nil) or another.
    case changeMedium(controller: GUID, VirtualMachineConfiguration.Drive)
    case addAdapter(VirtualMachineConfiguration.NetworkAdapter)
    case removeAdapter(GUID)
    /// Name, switch, VLAN, guards, mirroring, bandwidth or access rules; the MAC address is the same.
    case changeAdapter(from: VirtualMachineConfiguration.NetworkAdapter, to: VirtualMachineConfiguration.NetworkAdapter)
    case integrationService(IntegrationService, isEnabled: Bool)
    /// Limits, buffer or priority of dynamic memory.
    case memory(VirtualMachineConfiguration.Memory)
    /// Name, notes and what else no running machine looks at.
    case settings

    /// True when the files under the machine's disks change.
    package var concernsDrive: Bool {
        switch self {
        case .addDrive, .removeDrive, .changeMedium: true
        default: false
        }
    }
}

/// What leads from one configuration to another.
public struct ConfigurationDifference: Equatable, Sendable {
    /// In an order that can be followed: what leaves a place comes before what takes it.
    public var changes: [ConfigurationChange] = []
    /// Settings that need the VM off, as words for a message; empty: the changes are all there is.
    public var needsOff: [String] = []

    /// True when the guest's side of no device changes: allowed also while the VM is saved.
    public var leavesDevicesAlone: Bool {
        needsOff.isEmpty
            && changes.allSatisfy { change in
                switch change {
                case .settings, .changeAdapter: true
                default: false
                }
            }
    }
}

extension VirtualMachineConfiguration {
    /// What must be done to a running machine of this configuration so that it becomes `new`.
    public func difference(to new: VirtualMachineConfiguration) -> ConfigurationDifference {
        var difference = ConfigurationDifference()
        compareDrives(new, &difference)
        compareAdapters(new, &difference)
        for service in IntegrationService.allCases where isEnabled(service) != new.isEnabled(service) {
            difference.changes.append(.integrationService(service, isEnabled: new.isEnabled(service)))
        }
        compareMemory(new, &difference)
        if processor != new.processor { difference.needsOff.append("the processor settings") }
        if firmware != new.firmware { difference.needsOff.append("the firmware settings") }
        if timeMode != new.timeMode || seed != new.seed || picosecondsPerInstruction != new.picosecondsPerInstruction {
            difference.needsOff.append("the time mode")
        }
        if consoleSupport ?? true != new.consoleSupport ?? true { difference.needsOff.append("the support of a console") }
        if storage ?? Storage() != new.storage ?? Storage() { difference.needsOff.append("the storage settings") }
        if architecture ?? .microkernel != new.architecture ?? .microkernel { difference.needsOff.append("the architecture") }
        if generation != new.generation { difference.needsOff.append("the generation") }
        if takingLiveFields(from: new) != self { difference.changes.append(.settings) }
        return difference
    }

    private func compareDrives(_ new: VirtualMachineConfiguration, _ difference: inout ConfigurationDifference) {
        guard controllers.map(\.id) == new.controllers.map(\.id) else {
            difference.needsOff.append("the number of SCSI controllers")
            return
        }
        var removed: [ConfigurationChange] = []
        var added: [ConfigurationChange] = []
        for (before, after) in zip(controllers, new.controllers) {
            for old in before.drives {
                let now = after.drives.first { $0.location == old.location }
                var same = old
                same.pool = now?.pool
                if now == same { continue }
                if let now, now.kind == .dvd, old.kind == .dvd {
                    added.append(.changeMedium(controller: after.id, now))
                } else {
                    removed.append(.removeDrive(controller: before.id, location: old.location))
                    if let now { added.append(.addDrive(controller: after.id, now)) }
                }
            }
            for drive in after.drives where !before.drives.contains(where: { $0.location == drive.location }) {
                added.append(.addDrive(controller: after.id, drive))
            }
        }
        difference.changes += removed + added
    }

    private func compareAdapters(_ new: VirtualMachineConfiguration, _ difference: inout ConfigurationDifference) {
        for old in adapters where !new.adapters.contains(where: { $0.id == old.id }) { difference.changes.append(.removeAdapter(old.id)) }
        for adapter in new.adapters {
            guard let old = adapters.first(where: { $0.id == adapter.id }) else {
                difference.changes.append(.addAdapter(adapter))
                continue
            }
            if old.macAddress != adapter.macAddress {
                difference.needsOff.append("the MAC address of “\(old.name)”")
            } else if old != adapter {
                difference.changes.append(.changeAdapter(from: old, to: adapter))
            }
        }
    }

    private func compareMemory(_ new: VirtualMachineConfiguration, _ difference: inout ConfigurationDifference) {
        let (old, new) = (memory, new.memory)
        guard old != new else { return }
        if old.startupBytes != new.startupBytes {
            difference.needsOff.append("the startup memory")
        } else if old.dynamicMemoryEnabled != new.dynamicMemoryEnabled {
            difference.needsOff.append("whether memory is dynamic")
        } else if new.dynamicMemoryEnabled, new.minimumBytes > old.minimumBytes {
            // As the real module has it: what the guest was promised at its start stays.
            difference.needsOff.append("a higher minimum of memory")
        } else if new.dynamicMemoryEnabled, new.maximumBytes < old.maximumBytes {
            difference.needsOff.append("a lower maximum of memory")
        } else {
            difference.changes.append(.memory(new))
        }
    }
}
