import Glibc
import Persistence
import WorkerProtocol

/// What changes the VM's state; all of it runs on the actions thread.
extension WorkerInstance {
    /// Assembles the machine and starts it, or restores it from its saved state.
    func startMachine() {
        let initiator = VirtualMachineEvent.Initiator(
            user: options.startedByUser, processId: options.startedByProcess, program: ProcessIdentity.program(of: options.startedByProcess)
        )
        do {
            let restored = try makeRunningMachine()
            phase.withLock { $0.fallback = .running }
            update(state: .running)
            startMerging()
            log.note(
                VirtualMachineEvent(
                    restored ? .restored : .started,
                    message:
                        "Started\(restored ? " from saved state" : "") by \(initiator.user) (\(initiator.program ?? "process") \(initiator.processId)).",
                    initiator: initiator))
            phase.withLock { $0.isActing = false }
            report(nil)
            // The guest may have stopped by itself while that was written.
            if let machine = phase.withLock({ $0.machine }), !machine.state.hasWorker { end(in: .off, reason: "The guest stopped.") }
        } catch {
            let reason = TransportedError(error)
            log.note(
                VirtualMachineEvent(
                    .startFailed, level: .critical, message: "The VM could not be started: \(reason.message)", initiator: initiator))
            phase.withLock { $0.saidStopped = true }
            close(final: .starting)
            report(reason)
            server?.stop()
        }
    }

    private func makeRunningMachine() throws -> Bool {
        var configuration = try folder.readConfiguration()
        guard let kernel else {
            throw WorkerError("FirmwareMissing", .notImplemented, "“\(configuration.name)” has no kernel, and there is no firmware yet.")
        }
        if configuration.generationId == nil {
            configuration.generationId = configuration.drawGenerationId()
            // Going on from a checkpoint, it is written below with the rest.
            if configuration.savedMemory == nil { try write(configuration) }
        }
        let ports = try [1, 2].map { try ConsolePort(number: $0, folder: folder.folder) }
        self.ports.withLock { $0 = ports }
        phase.withLock { $0.isActing = true }
        let machine = try assemble(
            MachineRequest(
                configuration: configuration, partitionId: options.partitionId, kernel: kernel.descriptor,
                initialRamdisk: initialRamdisk?.descriptor, devices: devices, folder: folder.folder.descriptor), self)
        phase.withLock { $0.machine = machine }
        meter.follow(configuration.metering, in: folder.folder)
        do { use(try makeListeners(from: nil, to: configuration)) } catch {
            log.note(VirtualMachineEvent(.notice, level: .warning, message: TransportedError(error).message))
        }
        for port in ports { port.beginSession() }
        if configuration.timeMode == .exact { try inputs.begin(in: folder.folder, anew: !folder.isSaved(configuration)) }
        guard folder.isSaved(configuration) else {
            try machine.start()
            return false
        }
        if let applied = configuration.savedMemory {
            guard memory.count == applied.paths.count else {
                throw WorkerError(
                    "WorkerFailed", .invalidOperation, "The configuration of “\(configuration.name)” changed meanwhile; repeat the command."
                )
            }
            try restore(machine, from: applied, configuration)
        } else {
            let saved = try folder.folder.open(VirtualMachineFolder.savedStateName, O_RDONLY)
            try machine.restore(from: saved.descriptor, buildingOn: [], goesAway: true)
        }
        // From here on the guest changes the world its saved state remembers, so that state must not be started again.
        if folder.hasSavedState {
            try folder.folder.remove(VirtualMachineFolder.savedStateName)
            folder.folder.synchronize()
        }
        try machine.resume()
        return true
    }

    /// Does one verb of a running VM, for `initiator` (nil: the host itself).
    func perform(_ verb: VirtualMachineVerb, by initiator: VirtualMachineEvent.Initiator?) throws {
        let name = name.withLock { $0 }
        let state = state
        guard let machine = phase.withLock({ $0.hasEnded ? nil : $0.machine }), state.transition(verb) != nil else {
            throw WorkerError.refused(verb, name, state: state)
        }
        phase.withLock { $0.isActing = true }
        defer { phase.withLock { $0.isActing = false } }
        if verb == .turnOff || verb == .save, let merging = phase.withLock({ $0.merging }) {
            // It may wait for a lock that whoever asks for this holds. If the machine goes on after all, so does it.
            merging.stop()
        }
        defer { startMerging() }
        let who = initiator.map { "\($0.user) (\($0.program ?? "process") \($0.processId))" } ?? "the host's shutdown"
        switch verb {
        case .pause:
            try machine.pause()
            log.note(VirtualMachineEvent(.paused, message: "Suspended by \(who).", initiator: initiator))
        case .resume:
            try machine.resume()
            log.note(VirtualMachineEvent(.resumed, message: "Resumed by \(who).", initiator: initiator))
        case .reset:
            phase.withLock { $0.ownResets += 1 }
            do {
                try machine.reset()
            } catch {
                phase.withLock { $0.ownResets -= 1 }
                throw error
            }
            log.note(VirtualMachineEvent(.reset, message: "Reset by \(who).", initiator: initiator))
        case .turnOff:
            try machine.turnOff()
            stopped(VirtualMachineEvent(.stopped, message: "Turned off by \(who).", initiator: initiator))
            close(final: .off)
        case .save:
            try save(machine)
            stopped(VirtualMachineEvent(.saved, message: "Saved by \(who).", initiator: initiator))
            close(final: .saved)
        case .start, .shutDown, .removeSavedState, .remove, .changeConfiguration:
            throw WorkerError.refused(verb, name, state: state)
        }
    }

    /// Takes over what may change while the VM runs: the document and the machine, or neither.
    func configure(
        document: String, past change: PastChange?, devices: HandedDevices, by initiator: VirtualMachineEvent.Initiator
    ) throws {
        let old = try folder.readConfiguration()
        var new = try Document.decode(
            VirtualMachineConfiguration.self, from: Array(document.utf8), currentVersion: VirtualMachineConfiguration.currentVersion,
            path: "the new configuration", corrupt: "ConfigurationUnreadable", newer: "ConfigurationNewer")
        // Ours: whoever asks may have read the document before the VM started.
        new.generationId = old.generationId
        guard new.past == nil, Self.apply(change, to: old.past, of: &new) else {
            throw WorkerError(
                "InvalidState", .invalidOperation, "The checkpoints of “\(old.name)” changed meanwhile; repeat the command.",
                target: old.name)
        }
        try new.check()
        let difference = old.difference(to: new)
        guard (new.version, new.id, new.creationTime) == (old.version, old.id, old.creationTime), difference.needsOff.isEmpty else {
            let what = difference.needsOff.isEmpty ? "its identity" : difference.needsOff.joined(separator: " and ")
            throw WorkerError(
                "InvalidState", .invalidOperation, "“\(old.name)” is \(state.rawValue): \(what) can be changed only while it is off.",
                action: "Turn it off first: Stop-VM \(old.name)", target: old.name)
        }
        let changes = difference.changes.filter { $0 != .settings }
        if changes.contains(where: \.concernsDrive) { try refuseWhileMerging("given or deprived of a drive") }
        guard changes.isEmpty || guest != nil else { throw hasNoGuest() }
        let listeners = try makeListeners(from: old, to: new)
        // Written first: a full disk must not leave a machine that is not as its document says.
        try write(new)
        do {
            if !changes.isEmpty { try guest?.apply(changes, devices) }
        } catch {
            for (_, listener) in listeners { listener?.close() }
            try write(old)
            throw error
        }
        use(listeners)
        if new.metering != old.metering { meter.follow(new.metering, in: folder.folder) }
        name.withLock { $0 = new.name }
        guard new.name != old.name else { return }
        log.note(VirtualMachineEvent(.renamed, message: "Renamed from “\(old.name)” by \(initiator.user).", initiator: initiator))
    }

    /// Gives the new configuration the past that a client's change makes of the old one; false: what it changes is not there.
    private static func apply(
        _ change: PastChange?, to old: VirtualMachineConfiguration.Past?, of new: inout VirtualMachineConfiguration
    ) -> Bool {
        guard var past = old, let change else { return old == nil && change == nil }
        for (id, name) in change.names {
            guard let index = past.checkpoints.firstIndex(where: { $0.id == id }) else { return false }
            past.checkpoints[index].name = name
        }
        (past.shared, past.detached) = (change.shared, change.detached)
        new.past = past
        return true
    }

    /// Empties the drives in the configuration whose media the guest ejected. A document that cannot be written now is written later.
    func recordEjections() {
        let (ejected, guest) = phase.withLock { ($0.ejections, $0.hasEnded ? nil : $0.machine as? any GuestControlling) }
        guard !ejected.isEmpty, folder.folder.file.hasName else { return }
        document.lock()
        defer { document.unlock() }
        do {
            var new = try folder.readConfiguration()
            var controllers = new.controllers
            var events: [VirtualMachineEvent] = []
            for (number, controller) in controllers.enumerated() {
                for (index, drive) in controller.drives.enumerated() where drive.kind == .dvd {
                    let place = DrivePlace(controller: controller.id, location: drive.location)
                    // Somebody may have put another medium in meanwhile.
                    guard ejected.contains(place), let path = drive.path, guest?.isEmpty(place) ?? true else { continue }
                    controllers[number].drives[index] = VirtualMachineConfiguration.Drive(kind: .dvd, location: drive.location)
                    events.append(
                        VirtualMachineEvent(
                            .mediumEjected,
                            message: "The guest ejected “\(path)” from the DVD drive at controller \(number), location \(drive.location)."))
                }
            }
            if !events.isEmpty {
                new.controllers = controllers
                try folder.write(new)
            }
            phase.withLock { $0.ejections.removeAll { ejected.contains($0) } }
            for event in events { log.note(event) }
        } catch {
            WorkerOutput.write("ejection not recorded: \(error)")
        }
    }

    /// The VM has stopped without being asked to.
    func end(in final: VirtualMachineState, reason: String) {
        guard phase.withLock({ !$0.hasEnded }) else { return }
        stopped(VirtualMachineEvent(.stopped, message: reason))
        close(final: final)
        server?.stop()
    }

    /// Says once why the VM stopped.
    func stopped(_ event: VirtualMachineEvent) {
        let isNews = phase.withLock { phase in
            defer { phase.saidStopped = true }
            return !phase.saidStopped
        }
        if isNews { log.note(event) }
    }

    /// Ends the machine and gives the folder back; the server goes on until it is stopped.
    func close(final: VirtualMachineState) {
        let machine: (any MachineControlling)? = phase.withLock { phase in
            guard !phase.hasEnded else { return nil }
            phase.hasEnded = true
            phase.fallback = Self.way(to: final)
            defer { (phase.machine, phase.closed) = (nil, phase.machine) }
            return phase.machine
        }
        if folder.folder.file.hasName { meter.save(in: folder.folder) }
        // Before the disks are closed under it.
        phase.withLock { $0.merging }?.stop()
        machine?.close()
        // The machine has told everything; a medium that the guest ejected shall not be back at the next start.
        recordEjections()
        for port in ports.withLock({ $0 }) { port.listen(nil) }
        // Before anybody hears that the VM has ended: its images are free for others then.
        devices.closeAll()
        record.withLock { record in
            guard record != nil else { return }
            record = nil
            if folder.folder.file.hasName { try? folder.removeRunRecord() }
        }
        claim.withLock { claim in
            // Another claim of the same server, without the lock, which goes free with its last reference.
            claim = claim.map { Claim(lock: nil, server: $0.server, startTime: $0.startTime) }
        }
        phase.withLock { $0.fallback = final }
    }

    /// Tells clients that follow the state, and keeps it where they look when we do not answer.
    func update(state: VirtualMachineState, isRecorded: Bool = true) {
        record.withLock { record in
            guard isRecorded, var new = record, new.state != state.rawValue else { return }
            new.state = state.rawValue
            record = new
            do {
                try folder.write(new)
            } catch {
                WorkerOutput.write("state not recorded: \(error)")
            }
        }
        server?.post { [self] server in
            for connection in server.connections { WorkerService.tell(connection, connection.stateFollowers, state: self.state) }
        }
    }
}
