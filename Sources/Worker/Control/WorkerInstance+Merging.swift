import Basics
import Glibc
import Persistence
import Storage
import Synchronization
import WorkerProtocol

/// Work on the VM's images that goes on beside the guest; stopped, it loses nothing and is found again from the configuration.
final class MergeTask: @unchecked Sendable {
    // Safety: `ending` guards the only variable.
    let isCancelled = Atomic<Bool>(false)
    /// Of the step at hand, from 0 to 1.
    let progress = Mutex(0.0)
    /// For Get-VM's Status.
    let doing: String
    private let thread: Mutex<HostThread?> = Mutex(nil)
    private let ending = HostLock()
    private var hasEnded = false

    let isMove: Bool

    init(isMove: Bool = false) { (self.isMove, doing) = (isMove, isMove ? "Moving storage" : "Merging disks") }

    func start(_ body: @escaping @Sendable () -> Void) -> Bool {
        let thread = HostThread(name: "merge", body: body)
        self.thread.withLock { $0 = thread }
        return thread.isStarted
    }

    /// Says that the task has ended, for one that has no thread of its own.
    func end() {
        ending.withLock {
            hasEnded = true
            ending.wakeAll()
        }
    }

    /// Returns when the task has ended.
    func stop() {
        isCancelled.store(true, ordering: .releasing)
        let thread = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        thread?.join()
        // A move's thread is not its own.
        if isMove { ending.withLock { while !hasEnded { ending.wait() } } }
    }
}

extension WorkerInstance {
    /// Begins to merge and delete the images that no checkpoint and no drive needs, if there are any and nobody is at it.
    func startMerging() {
        guard !phase.withLock({ $0.hasEnded }), let configuration = try? folder.readConfiguration(),
            ImageTree(configuration).nextStep != nil
        else { return }
        let task = MergeTask()
        let isFirst = phase.withLock { phase in
            guard phase.merging == nil, !phase.hasEnded else { return false }
            phase.merging = task
            return true
        }
        guard isFirst else { return }
        let isStarted = task.start { [self] in
            let isDone = mergeAll(task)
            phase.withLock { if $0.merging === task { $0.merging = nil } }
            // A removal that came just then found this one at work.
            if isDone { startMerging() }
        }
        if !isStarted { phase.withLock { $0.merging = nil } }
    }

    /// What `Get-VM` says of it; nil: nothing is being merged or moved.
    var mergingText: String? {
        guard let task = phase.withLock({ $0.merging }) else { return nil }
        return "\(task.doing) (\(Int(task.progress.withLock { $0 } * 100)) %)"
    }

    func refuseWhileMerging(_ doing: String) throws {
        guard let text = mergingText else { return }
        let name = name.withLock { $0 }
        throw WorkerError(
            "DisksMerging", .resourceBusy, "“\(name)” cannot be \(doing) now: \(text.prefix(1).lowercased() + text.dropFirst()).",
            action: "Wait until Get-VM shows that it is done, then repeat the command.", target: name)
    }

    /// As above, where a merge is no hindrance.
    func refuseWhileMoving(_ doing: String) throws {
        if phase.withLock({ $0.merging?.isMove }) == true { try refuseWhileMerging(doing) }
    }

    /// True when nothing was left to do.
    private func mergeAll(_ task: MergeTask) -> Bool {
        while !task.isCancelled.load(ordering: .acquiring) {
            do {
                guard let step = ImageTree(try folder.readConfiguration()).nextStep else { return true }
                try carryOut(step, task)
            } catch {
                // A stop of the VM is no trouble: the next start goes on.
                guard !task.isCancelled.load(ordering: .acquiring) else { return false }
                log.note(
                    VirtualMachineEvent(
                        .notice, level: .warning,
                        message:
                            "Merging disks stopped: \(TransportedError(error).message) Nothing is lost; it goes on with the next removal or start."
                    ))
                return false
            }
        }
        return false
    }

    private func carryOut(_ step: ImageTree.Step, _ task: MergeTask) throws {
        let machine = try checkpointedMachine()
        let progress: @Sendable (Double) -> Bool = { done in
            task.progress.withLock { $0 = done }
            return !task.isCancelled.load(ordering: .acquiring)
        }
        // Whoever changes the configuration through us holds this lock from reading it to our answer, which may be long in coming: then
        // the guest's disk is not kept waiting, and whoever ends the VM ends this.
        var lock: FileLock?
        func prepare() throws {
            guard lock == nil else { return }
            lock = try folder.lockConfiguration(seconds: 3_600) { task.isCancelled.load(ordering: .acquiring) }
        }
        func record(_ change: (inout VirtualMachineConfiguration) -> Void) throws {
            try prepare()
            defer { lock = nil }
            try document.withLock {
                var new = try folder.readConfiguration()
                change(&new)
                try folder.write(new)
            }
        }
        func commit() throws { try record { $0.complete(step) } }
        switch step {
        case .remove(let image):
            machine.removeImage(at: image.path)
            try commit()
        case .merge(let child, let parent, let grandchildren):
            try record { $0.past?.merging = child.path }
            let isDone = try machine.merge(
                child.path, into: parent, children: grandchildren, progress: progress, preparing: prepare, commit: commit)
            if !isDone {
                // A branch on which no disk of the machine stands.
                let disks = DiskOperations(allowedParents: try folder.readConfiguration().allowedParents, progress: progress)
                try disks.mergeStep(child.path, into: parent, children: grandchildren) { _ in try commit() }
            }
            log.note(VirtualMachineEvent(.merged, message: "“\(child.path)” was merged into “\(parent)”."))
        }
    }
}
