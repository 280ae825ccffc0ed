import Basics
import Glibc
import Persistence
import Synchronization
import Worker
import WorkerProtocol

/// Checkpoints of a fake machine: its memory is a few bytes, new images are empty files that nobody reads, and a merge moves nothing.
extension FakeMachine: CheckpointControlling {
    private static let held = Mutex<Set<GUID>>([])

    /// While it is on, merges of a VM go no further than before their last step.
    static func holdMerges(_ isOn: Bool, of machine: GUID) {
        held.withLock { if isOn { $0.insert(machine) } else { $0.remove(machine) } }
    }

    func checkpoint(
        _ forks: [DiskFork], memory: CheckpointMemory?, isPrepared: () throws -> Void, hasForked: () -> Void
    ) throws -> CheckpointMade {
        for fork in forks {
            let descriptor = open(fork.image.path, O_CREAT | O_EXCL | O_WRONLY, 0o600)
            guard descriptor >= 0 else { throw Refused() }
            Glibc.close(descriptor)
        }
        try isPrepared()
        hasForked()
        if let memory {
            // As it saves itself.
            guard pwrite(memory.descriptor, "1", 1, 0) == 1 else { throw Refused() }
        }
        return CheckpointMade(pauseNanoseconds: 1_000_000, bytesWritten: 1)
    }

    func merge(
        _ child: String, into parent: String, children: [String], progress: @escaping @Sendable (Double) -> Bool,
        preparing: () throws -> Void, commit: () throws -> Void
    ) throws -> Bool {
        while Self.held.withLock({ $0.contains(configuration.id) }) {
            guard progress(0.5) else { throw Refused() }
            usleep(1_000)
        }
        try preparing()
        try commit()
        return true
    }

    /// Nothing is copied: the document says where things are.
    func move(
        _ move: StorageMove, _ folders: HandedDevices, memoryFolder: Folder?, progress: @escaping @Sendable (Double) -> Bool,
        didCopy: (StorageMove.File) -> Void, willSwitch: () throws -> Void,
        commit: ([VirtualMachineConfiguration.Moving.Left]) throws -> Void
    ) throws {
        try willSwitch()
        try commit([])
    }

    func removeSources(of move: StorageMove, memoryFolder: Folder?) {}

    func removeImage(at path: String) { unlink(path) }
}
