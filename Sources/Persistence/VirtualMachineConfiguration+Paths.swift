/// The paths in a configuration, all of them: what an export makes relative and an import absolute.
extension VirtualMachineConfiguration {
    /// Replaces the path of every image, memory and boot file, now and at checkpoints.
    package mutating func mapPaths(_ new: (String) throws -> String) rethrows {
        try mapOwnPaths(new)
        savedMemory = try savedMemory.map { try $0.mapping(new) }
        guard var past else { return }
        for index in past.checkpoints.indices {
            try past.checkpoints[index].configuration.mapOwnPaths(new)
            past.checkpoints[index].memory = try past.checkpoints[index].memory.map { try $0.mapping(new) }
        }
        for index in past.images.indices {
            past.images[index].path = try new(past.images[index].path)
            past.images[index].parent = try new(past.images[index].parent)
        }
        past.borrowed = try past.borrowed?.map(new)
        past.shared = try past.shared?.map(new)
        past.detached = try past.detached?.map(new)
        self.past = past
    }

    private mutating func mapOwnPaths(_ new: (String) throws -> String) rethrows {
        if var controllers = scsiControllers {
            for number in controllers.indices {
                for index in controllers[number].drives.indices {
                    controllers[number].drives[index].path = try controllers[number].drives[index].path.map(new)
                }
            }
            scsiControllers = controllers
        }
        firmware.kernelPath = try firmware.kernelPath.map(new)
        firmware.initialRamdiskPath = try firmware.initialRamdiskPath.map(new)
    }

    /// Takes out what has a meaning only on one host: parents elsewhere that the user trusts, and where memory is put.
    package mutating func forgetPlaces() {
        snapshotFileLocation = nil
        formerSnapshotLocations = nil
        moving = nil
        filesPath = nil
        comPortPaths = nil
        resourcePools = nil
        for number in (scsiControllers ?? []).indices {
            for index in (scsiControllers?[number].drives ?? []).indices { scsiControllers?[number].drives[index].pool = nil }
        }
        for index in (networkAdapters ?? []).indices { networkAdapters?[index].pool = nil }
        past?.shared = nil
        past?.detached = nil
        forgetAllowedParents()
        guard let past else { return }
        for index in past.checkpoints.indices {
            self.past?.checkpoints[index].configuration.snapshotFileLocation = nil
            self.past?.checkpoints[index].configuration.formerSnapshotLocations = nil
            self.past?.checkpoints[index].configuration.forgetAllowedParents()
        }
    }

    /// Keeps in mind where memory of checkpoints was put before, so that it is found when they go.
    package mutating func noteSnapshotLocations(of old: VirtualMachineConfiguration) {
        let former = Set((old.formerSnapshotLocations ?? []) + [old.snapshotFileLocation].compactMap(\.self))
        let others = former.subtracting([snapshotFileLocation].compactMap(\.self))
        formerSnapshotLocations = others.isEmpty ? nil : others.sorted()
    }

    private mutating func forgetAllowedParents() {
        guard var controllers = scsiControllers else { return }
        for number in controllers.indices {
            for index in controllers[number].drives.indices { controllers[number].drives[index].allowedParents = nil }
        }
        scsiControllers = controllers
    }
}

extension VirtualMachineConfiguration.MemoryImage {
    /// The same image at other places.
    package func mapping(_ new: (String) throws -> String) rethrows -> Self {
        Self(path: try new(path), parents: try parents.map(new))
    }
}
