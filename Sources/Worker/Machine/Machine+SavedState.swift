import Basics
import DeviceModel
import WorkerProtocol

/// Saving, restoring and comparing whole machines.
extension Machine {
    /// Running or paused → saved. On an error the machine is as it was before, and what was written is worthless. A machine that stands
    /// because a disk of the host is full keeps the requests that wait for room: they are part of its state.
    /// The file is written from its beginning and is durable when this returns; its name is the caller's.
    ///
    /// `parent` as for `checkpoint`: where it is what the machine was restored from or last checkpointed to, only pages written since go to
    /// the file. Gives what the file builds on; nothing: it is full.
    @discardableResult
    package func save(to descriptor: Int32, parent: MemoryImageReference? = nil) throws(MachineError) -> [MemoryImageReference] {
        try exclusively { () throws(MachineError) -> [MemoryImageReference] in
            let before = state
            try require(before.transition(.save) != nil, "it is \(before.rawValue), not Running or Paused")
            become(.saving)
            if before == .running { try standStill(from: before) }
            let parents = self.parents(from: parent)
            do throws(MachineError) {
                if parents.isEmpty {
                    try SavedMachine.write(try standingHeader(), memory: memory, to: descriptor)
                } else {
                    try writeChanges(to: descriptor, since: parents)
                }
            } catch {
                if before == .pausedCritical { become(before) } else { goOn(running: before == .running) }
                throw error
            }
            partition.setRunning(false)
            announce(.saved, .information, "The machine was saved.")
            become(.saved)
            return parents
        }
    }

    /// Off or saved → paused, exactly where the saved machine or the checkpoint stood. On an error the machine is as before.
    ///
    /// `parents`: the files that `SavedMachine.describe` names, in its order. None of the files may be changed while the machine lives;
    /// they may be removed, and the descriptors closed. The next checkpoint may build on this one, or where it `goesAway`, on the file that
    /// it builds on itself.
    package func restore(from descriptor: Int32, parents: [Int32], goesAway: Bool = false) throws(MachineError) {
        try exclusively { () throws(MachineError) in
            let before = state
            try require(before == .off || before == .saved, "it is \(before.rawValue), not Off or Saved")
            become(.starting)
            do throws(MachineError) { try takeState(from: descriptor, parents, goesAway) } catch {
                become(before)
                throw error
            }
            announce(.restored, .information, "The machine was restored.")
            goOn(running: false)
        }
    }

    /// The same with a file that builds on no other.
    package func restore(from descriptor: Int32) throws(MachineError) { try restore(from: descriptor, parents: []) }

    private func takeState(from descriptor: Int32, _ parents: [Int32], _ goesAway: Bool) throws(MachineError) {
        if !isPristine { memory.clear() }
        isPristine = false
        imageBase = nil
        discardRequests()
        partition.reset()
        bus.withLock { devices.reset() }
        stack.reset()
        scheduler.processorsChanged()
        let expected = shape
        let header = try SavedMachine.read(from: descriptor, parents: parents, into: memory) { (header) throws(MachineError) in
            if let difference = header.shape.difference(from: expected) { throw MachineError(.savedMismatch, detail: difference) }
            let size = header.memoryBytes ?? memory.initialSize
            guard memory.resize(to: size) else {
                throw MachineError(.savedMismatch, detail: "it has grown to \(size >> 20) MiB, which the VM's maximum does not allow")
            }
        }
        do throws(StateError) { try restoreUnits(units, from: header.units) } catch { throw MachineError(.state, cause: error) }
        let position = scheduler.position
        scheduler.processorsChanged()
        scheduler.position = position
        renewGeneration()
        if !goesAway {
            imageBase = header.identity.map { MemoryImageBase(identity: $0, parents: header.parents ?? []) }
        } else if let parent = header.parents?.first {
            // What it says differs from its parent, as what the guest writes from here on will.
            memory.markDirty(try SavedMachine.decidedPages(descriptor))
            imageBase = MemoryImageBase(identity: parent.identity, parents: Array((header.parents ?? []).dropFirst()))
        }
    }

    /// What a file says of the machine as it stands.
    func standingHeader() throws(MachineError) -> SavedMachine.Header {
        let grown = memory.size == memory.initialSize ? nil : memory.size
        return SavedMachine.Header(shape: shape, units: try savedUnits(), memoryBytes: grown)
    }

    private func savedUnits() throws(MachineError) -> [UnitState] {
        // A device may have come or gone while the machine stood.
        if let restless = stack.stop(by: HostTime.monotonic() &+ patience) { throw MachineError(.restless, detail: restless) }
        do throws(StateError) { return try saveUnits(units) } catch { throw MachineError(.state, cause: error) }
    }

    /// A hash of everything the guest could ever see: all units and all of RAM. Only while the machine stands still.
    package func stateHash() throws(MachineError) -> UInt64 {
        try exclusively { () throws(MachineError) in
            try require(state == .paused || state == .pausedCritical || state == .off, "it is \(state.rawValue), not Paused")
            return hash(of: try savedUnits())
        }
    }

    /// Of units and RAM. Precondition: the machine stands.
    func hash(of units: [UnitState]) -> UInt64 {
        var hash = StateHash()
        for unit in units {
            hash.combine(unit.name)
            hash.combine(unit.payload)
        }
        memory.forEachUsedPage { page, bytes in
            hash.combine(UInt64(page))
            hash.combine(bytes)
        }
        return hash.value
    }

    /// All units' states, for finding what differs between two machines. Only while the machine stands still.
    package func unitStates() throws(MachineError) -> [UnitState] {
        try exclusively { () throws(MachineError) in
            try require(state != .running, "it is Running")
            return try savedUnits()
        }
    }

    /// Exact mode: runs a paused machine until its processors together have retired `count` instructions, then pauses it again.
    /// Returns early when the guest ends the machine. A count already passed changes nothing.
    package func run(toCount count: UInt64) throws(MachineError) {
        guard let exactScheduler else { throw MachineError(.notExact) }
        try exclusively { () throws(MachineError) in
            try require(state == .paused, "it is \(state.rawValue), not Paused")
            stateLock.withLock { reachedCount = false }
            exactScheduler.stopCount = count
            goOn(running: true)
        }
        stateLock.withLock { while !reachedCount, currentState == .running || currentState == .reset { stateLock.wait() } }
        try exclusively { () throws(MachineError) in
            stateLock.withLock { reachedCount = false }
            guard state == .running else { return }
            try stand(orBackTo: .running)
            goOn(running: false)
        }
    }
}
