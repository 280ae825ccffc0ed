import Basics
import Glibc
import Persistence

/// The state of a VM that is saved: `saved.state`, or where a checkpoint holds most of its memory already, a file beside that one's with what
/// has changed since, which the configuration names as what the VM goes on from.
extension WorkerInstance {
    func save(_ machine: any MachineControlling) throws {
        let old = try folder.readConfiguration()
        guard let base = memoryBase(old) else {
            return try folder.folder.replaceFile(VirtualMachineFolder.savedStateName) {
                _ = try machine.save(to: $0.descriptor, buildsOnLast: false)
            }
        }
        let place = try folder.folder.subfolder(VirtualMachineFolder.checkpointsName, make: true)
        let name = VirtualMachineFolder.memoryName(of: GUID())
        let file = try place.open(name, O_RDWR | O_CREAT | O_EXCL, doing: "make")
        var new = old
        new.savedMemory = .init(path: "\(VirtualMachineFolder.checkpointsName)/\(name)", parents: base.paths)
        do {
            try document.withLock {
                // The document has its room before the machine ends, and counts when the machine's file is there.
                try folder.write(new) {
                    let buildsOnBase = try machine.save(to: file.descriptor, buildsOnLast: true)
                    place.synchronize()
                    if !buildsOnBase { new.savedMemory?.parents = [] }
                    return new
                }
            }
        } catch {
            try? place.remove(name)
            throw error
        }
    }

    /// Goes on from `image`, which the configuration names. What was saved for this start alone is not kept.
    func restore(
        _ machine: any MachineControlling, from image: VirtualMachineConfiguration.MemoryImage, _ configuration: VirtualMachineConfiguration
    ) throws {
        let goesAway = folder.isOfNoCheckpoint(image.path, configuration)
        var new = configuration
        new.savedMemory = nil
        try document.withLock {
            try folder.write(
                new,
                beside: {
                    try machine.restore(from: memory[0].descriptor, buildingOn: memory.dropFirst().map(\.descriptor), goesAway: goesAway)
                })
        }
        for path in image.paths where folder.isOfNoCheckpoint(path, configuration) { folder.removeMemory(path) }
        let parent = image.parents.first.map {
            VirtualMachineConfiguration.MemoryImage(path: $0, parents: Array(image.parents.dropFirst()))
        }
        phase.withLock { $0.memoryBase = goesAway ? parent : image }
    }
}
