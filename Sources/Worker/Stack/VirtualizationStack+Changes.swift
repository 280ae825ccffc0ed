import Basics
import Network
import Persistence
import Services
import Storage

/// Changes of the configuration while the machine runs.
extension VirtualizationStack {
    /// What is ready to take a change's place: everything that can fail has been done.
    private struct Prepared {
        var target: (any ScsiTarget)?
        var medium: (any Disk)?
        var port: SwitchPortClient?
        var settings: PortSettings?
    }

    /// Applies all of them or, when something cannot be opened or connected, none.
    func apply(_ changes: [ConfigurationChange], _ devices: HandedDevices) throws {
        guard world.architecture.isEnlightened else { return try applyUnenlightened(changes) }
        var prepared: [Prepared] = []
        do {
            for change in changes { prepared.append(try prepare(change, devices)) }
        } catch {
            for one in prepared {
                try? one.target?.close()
                try? one.medium?.close()
                one.port?.close()
            }
            throw error
        }
        guard world.exactScheduler != nil else { return try carryOut(changes, prepared) }
        // All of it enters at one count.
        try control.perform {
            log(.configuration, changes)
            try carryOut(changes, prepared)
        }
    }

    private func carryOut(_ changes: [ConfigurationChange], _ prepared: [Prepared]) throws {
        for (change, ready) in zip(changes, prepared) { try carryOut(change, ready) }
        tellAdapters()
    }

    private func prepare(_ change: ConfigurationChange, _ devices: HandedDevices) throws -> Prepared {
        var ready = Prepared()
        switch change {
        case .addDrive(let controller, let drive):
            ready.target = try makeTarget(drive, controller: controller, devices)
        case .changeMedium(let controller, let drive):
            ready.medium = try openImage(drive, controller: controller, devices)
        case .changeAdapter(let old, let new):
            ready.settings = try portSettings(new)
            if old.switchId != new.switchId { ready.port = try makePort(new, devices) }
        case .addAdapter(let adapter):
            ready.port = try makePort(adapter, devices)
        case .removeDrive, .removeAdapter, .integrationService, .memory, .settings: break
        }
        return ready
    }

    private func carryOut(_ change: ConfigurationChange, _ ready: Prepared) throws {
        switch change {
        case .addDrive(let id, let drive):
            guard let target = ready.target else { return }
            try controller(id)?.attach(location: drive.location, target)
            remember(target, at: DrivePlace(controller: id, location: drive.location))
        case .removeDrive(let id, let location):
            let target = try controller(id)?.detach(location: location)
            disks.remove(at: DrivePlace(controller: id, location: location))
            // It is gone for the guest whatever its last flush says.
            do { try target?.close() } catch {
                world.note("The disk taken from location \(location) could not be closed: \(error.message)")
            }
        case .changeMedium(let id, let drive):
            if let medium = ready.medium {
                try controller(id)?.insert(medium, location: drive.location)
            } else {
                try controller(id)?.eject(location: drive.location)
            }
        case .addAdapter(let adapter):
            addAdapter(adapter, ready.port)
        case .removeAdapter(let id):
            removeAdapter(id)
        case .changeAdapter(let old, let new):
            changeAdapter(from: old, to: new, ready.port, ready.settings)
        case .integrationService(let service, let isEnabled):
            guard let device = integration.device(named: service.rawValue) else { return }
            if isEnabled { offer(device) } else { withdraw(device) }
        case .memory(let memory):
            if let dynamicMemory { control.perform { dynamicMemory.set(memory.serviceSettings) } }
        case .settings: break
        }
    }

    private func controller(_ id: GUID) -> StorageController? { inventory.controllers.first { $0.id == id }?.controller.device }

    private func removeAdapter(_ id: GUID) {
        guard let index = inventory.adapters.firstIndex(where: { $0.id == id }) else { return }
        let adapter = inventory.adapters.remove(at: index).adapter
        adapter.device.setPort(nil)
        adapter.port?.close()
        // The guest lets go in its own time.
        server.remove(adapter.device, then: { [weak self] in self?.endPump(adapter.pump) })
    }

    private func changeAdapter(
        from old: VirtualMachineConfiguration.NetworkAdapter, to new: VirtualMachineConfiguration.NetworkAdapter, _ port: SwitchPortClient?,
        _ settings: PortSettings?
    ) {
        guard let index = inventory.adapters.firstIndex(where: { $0.id == new.id }) else { return }
        let before = inventory.adapters[index].adapter.port
        if old.switchId != new.switchId {
            inventory.adapters[index].adapter.port = port
            inventory.adapters[index].adapter.device.setPort(logged(port, new.id))
            before?.close()
        } else if let settings {
            before?.configure(settings)
        }
    }
}
