import Basics
import Glibc
import Persistence
import Storage

extension VirtualMachineHost {
    /// Makes linked clones of a VM as it was at a checkpoint: VMs of their own whose disks are differencing images on the checkpoint's, and
    /// which go on from its memory where it has some. Ids and MAC addresses are new; devices keep their instance ids, by which a guest that
    /// runs on knows them.
    ///
    /// All names are checked before the first is made. While a clone exists, the checkpoint and what it stands on cannot be removed.
    public func clone(
        _ checkpoint: GUID, of machine: VirtualMachine, names: [String]
    ) throws -> [VirtualMachine] {
        let store = try existingStore()
        for name in names { try VirtualMachineConfiguration.check(name: name) }
        var addresses = macAddresses()
        var made: [VirtualMachine] = []
        try store.locked {
            let source = try machine.configuration()
            guard let checkpoint = source.checkpoint(checkpoint) else { throw ManagementError.checkpointGone(machine.name) }
            var taken = try self.names(in: store)
            for name in names {
                guard taken.insert(VirtualMachineConfiguration.key(ofName: name)).inserted else { throw ManagementError.exists(name) }
            }
            let folder = try machine.files().folder
            try machine.checkRestorable(checkpoint, folder)
            let parents = checkpoint.configuration.drives.filter { $0.drive.kind == .hardDisk }.compactMap(\.drive.path)
            try machine.configure(verifyingImages: false) { configuration in
                let shared = Set((configuration.past?.shared ?? []) + parents).sorted()
                configuration.past?.shared = shared
            }
            for name in names {
                let configuration = try self.configuration(named: name, from: checkpoint, of: folder, except: &addresses)
                made.append(try create(configuration, from: checkpoint, of: source.name, in: store))
            }
        }
        return made
    }

    private func configuration(
        named name: String, from checkpoint: VirtualMachineConfiguration.Checkpoint, of folder: VirtualMachineFolder,
        except addresses: inout Set<String>
    ) throws -> VirtualMachineConfiguration {
        var new = checkpoint.configuration
        (new.id, new.name, new.creationTime, new.generationId) = (GUID(), name, HostTime.wall(), nil)
        for index in new.adapters.indices {
            let address = new.newMacAddress(except: addresses)
            addresses.insert(address)
            new.adapters[index].macAddress = address
        }
        if let memory = checkpoint.memory {
            func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : folder.folder.path(of: path) }
            new.savedMemory = .init(path: absolute(memory.path), parents: memory.parents.map(absolute))
        }
        return new
    }

    private func create(
        _ configuration: VirtualMachineConfiguration, from checkpoint: VirtualMachineConfiguration.Checkpoint, of source: String,
        in store: Store
    ) throws -> VirtualMachine {
        var new = configuration
        let disks = store.machinePath(new.id) + "/" + VirtualMachineFolder.disksName
        let forks = try new.forks(of: checkpoint.configuration, id: new.id, folder: disks)
        new.announce(forks)
        new.past?.borrowed = forks.map(\.image.parent)
        new.follow(forks)
        let initiator = CurrentUser.initiator
        let event = VirtualMachineEvent(
            .created, message: "Cloned from the checkpoint “\(checkpoint.name)” of “\(source)” by \(initiator.user).", initiator: initiator)
        try store.create(new, event: event) { folder in
            guard !forks.isEmpty else { return }
            let place = try folder.folder.subfolder(VirtualMachineFolder.disksName, make: true)
            for fork in forks {
                // The folder has its final name only when it is whole; what lies as deep is as far from the parent.
                let path = place.path(of: Paths.name(of: fork.image.path))
                try withDisks(allowedParents: fork.allowedParents) { try $0.createChild(of: fork.image.parent, at: path) }
            }
        }
        return handle(new.id, name: new.name)
    }
}
