import Basics
import DeviceModel
import HypervisorCore
import WorkerProtocol

/// The file that a machine's RAM was restored from or last checkpointed to, and what that one builds on.
struct MemoryImageBase {
    var identity: GUID
    var parents: [MemoryImageReference]
}

/// What a checkpoint cost.
package struct MemoryImageFigures: Sendable {
    /// Identity of the file written, for those that shall build on it.
    package var identity: GUID
    /// What it builds on, the nearest first; none: it is full.
    package var parents: [MemoryImageReference]
    /// Host nanoseconds for which the guest stood; 0: it stood anyway.
    package var pauseNanoseconds: UInt64 = 0
    /// Pages and bytes written; a page counts as often as it was written.
    package var pages = 0
    package var bytes: UInt64 = 0
    /// `stateHash()` at the pause, where it was asked for.
    package var stateHash: UInt64?
}

/// Checkpoints of a machine that goes on.
///
///     guest runs    all pages in use, or those dirty since the parent → what got dirty meanwhile → … (precopy)
///     guest stands  what is dirty still, the units, `beforeGoingOn`
///     guest runs    all of it becomes durable
extension Machine {
    /// Passes over what got dirty, at most, and how few pages end them.
    private static let passes = 3, fewPages = 1024
    /// Bytes that are brought to stable storage while the guest runs, so that little is left for the end; fewer are as quick at once.
    private static let manyBytes = 8 << 20

    /// The file that the next checkpoint may build on; nil: none.
    package var imageIdentity: GUID? { lifecycle.withLock { imageBase?.identity } }

    /// Writes the machine to a file and lets it go on in the state it had. On an error the machine goes on as if nothing had been asked,
    /// and what was written is worthless.
    ///
    /// `parent` names the file that the machine was restored from or last checkpointed to: then only pages written since go to the new
    /// one. Where it is another, or its row of ancestors is long, the new file is full; `MemoryImageFigures.parents` tells. The file is
    /// written from its beginning, is durable when this returns, and must not be changed while a machine lives that builds on it.
    ///
    /// `beforeGoingOn` runs while the machine stands and everything of it is written, for what must be of the same moment, such as
    /// its disks; when it throws, the checkpoint fails. It may not call the machine's verbs. Only making the file durable can fail after it.
    /// `hashing` prolongs the pause for `MemoryImageFigures.stateHash`.
    package func checkpoint(
        to descriptor: Int32, parent: MemoryImageReference? = nil, hashing: Bool = false, beforeGoingOn: () throws -> Void = {}
    ) throws -> MemoryImageFigures {
        var refusal: (any Error)?
        let figures: MemoryImageFigures? = try exclusively { () throws(MachineError) in
            let before = state
            try require(
                before == .running || before == .paused || before == .pausedCritical, "it is \(before.rawValue), not Running or Paused")
            let writing = try CheckpointWriting(
                memory: memory, descriptor: descriptor, parents: parents(from: parent), base: imageBase != nil)
            do throws(MachineError) {
                // Exact mode has time: its guest does not notice that it stands.
                if before == .running, exactScheduler == nil, GuestMemory.canCollectWhileRunning { try precopy(writing) }
                var figures = MemoryImageFigures(identity: GUID(), parents: writing.parents)
                let start = HostTime.monotonic()
                var canGoOn = true
                if before == .running { canGoOn = try standStill(from: before) }
                do throws(MachineError) {
                    figures.stateHash = try writeStanding(writing, identity: figures.identity, hashing: hashing)
                    do { try beforeGoingOn() } catch { refusal = error }
                } catch {
                    goOnAfterCheckpoint(from: before, canGoOn)
                    throw error
                }
                goOnAfterCheckpoint(from: before, canGoOn)
                if before == .running { figures.pauseNanoseconds = HostTime.monotonic() &- start }
                if refusal != nil {
                    writing.undo()
                    return nil
                }
                try writing.writer.synchronize()
                imageBase = MemoryImageBase(identity: figures.identity, parents: writing.parents)
                (figures.pages, figures.bytes) = (writing.writer.pagesWritten, writing.writer.bytesWritten)
                return figures
            } catch {
                writing.undo()
                throw error
            }
        }
        if let refusal { throw refusal }
        guard let figures else { throw MachineError(.wrongState, detail: "the checkpoint was refused") }
        return figures
    }

    /// Writes a file for a machine that stands and will not go on: its units, and the pages that changed since its parent.
    func writeChanges(to descriptor: Int32, since parents: [MemoryImageReference]) throws(MachineError) {
        let writing = try CheckpointWriting(memory: memory, descriptor: descriptor, parents: parents, base: imageBase != nil)
        do throws(MachineError) {
            _ = try writeStanding(writing, identity: GUID(), hashing: false)
            try writing.writer.synchronize()
        } catch {
            writing.undo()
            throw error
        }
    }

    /// The row of files that a new one builds on; none: it must be full.
    func parents(from parent: MemoryImageReference?) -> [MemoryImageReference] {
        guard let parent, let imageBase, imageBase.identity == parent.identity, imageBase.parents.count < SavedMachine.mostParents else {
            return []
        }
        return [parent] + imageBase.parents
    }

    /// Writes most of it while the guest runs.
    private func precopy(_ writing: CheckpointWriting) throws(MachineError) {
        try writing.first()
        if writing.writer.bytesWritten > Self.manyBytes { try writing.writer.synchronize() }
        for _ in 0..<Self.passes {
            if try writing.next() <= Self.fewPages { return }
        }
    }

    /// Writes the rest. Precondition: processors stand.
    private func writeStanding(_ writing: CheckpointWriting, identity: GUID, hashing: Bool) throws(MachineError) -> UInt64? {
        // The units first: that brings the stack to rest for good where a device came while the machine stood.
        var header = try standingHeader()
        (header.identity, header.parents) = (identity, writing.parents.isEmpty ? nil : writing.parents)
        if writing.hasBegun { _ = try writing.next() } else { try writing.first() }
        try writing.writer.finish(header)
        return hashing ? hash(of: header.units) : nil
    }

    private func goOnAfterCheckpoint(from before: VirtualMachineState, _ canGoOn: Bool) {
        guard before == .running else { return }
        if canGoOn {
            // At a count that was asked for it stands until whoever asked for it goes on.
            if !stateLock.withLock({ reachedCount }) { runAll() }
        } else {
            partition.setRunning(false)
            become(.pausedCritical)
        }
    }
}

/// A checkpoint's file on its way, and which marks were taken for it.
private final class CheckpointWriting {
    let writer: MemoryImageWriter
    let parents: [MemoryImageReference]
    private let memory: GuestMemory
    /// Pages dirty since the base, where there is one, and since this began.
    private var taken: PageSet
    private let hasBase: Bool
    private(set) var hasBegun = false

    init(memory: GuestMemory, descriptor: Int32, parents: [MemoryImageReference], base hasBase: Bool) throws(MachineError) {
        writer = try MemoryImageWriter(memory: memory, descriptor: descriptor, isFull: parents.isEmpty)
        (self.memory, self.parents, self.hasBase) = (memory, parents, hasBase)
        taken = PageSet(count: memory.pageCount)
    }

    /// The first pass: everything, or what is dirty since the parent.
    func first() throws(MachineError) {
        hasBegun = true
        memory.trackDirtyPages()
        let dirty = collect()
        try writer.write(parents.isEmpty ? PageSet(count: dirty.count, all: true) : dirty)
    }

    /// What got dirty since the last pass; says how many pages it was.
    func next() throws(MachineError) -> Int {
        let dirty = collect()
        try writer.write(dirty)
        return dirty.size
    }

    /// The file is worth nothing: a later one that builds on the former base needs these pages.
    func undo() {
        if hasBase { memory.markDirty(taken) }
    }

    private func collect() -> PageSet {
        let dirty = memory.collectDirtyPages()
        if dirty.count > taken.count { taken.resize(to: dirty.count) }
        taken.formUnion(dirty)
        return dirty
    }
}
