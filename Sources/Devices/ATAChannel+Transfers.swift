/// Blocks of sectors between the guest's data port and a medium.
extension ATAChannel {
    // MARK: The data port

    func readData(_ size: Int) -> UInt32 {
        guard state.transfer.kind == .read || state.transfer.kind == .identify, state.transfer.drive == selected else { return 0 }
        let start = state.transfer.position
        let end = min(start + size, state.transfer.buffer.count)
        var value: UInt32 = 0
        for place in start..<end { value |= UInt32(state.transfer.buffer[place]) << (8 * UInt32(place - start)) }
        state.transfer.position = end
        if end == state.transfer.buffer.count { blockWasTaken() }
        return value
    }

    func writeData(_ size: Int, _ value: UInt32) {
        guard state.transfer.kind == .write, state.transfer.drive == selected, state.held == nil else { return }
        let start = state.transfer.position
        let end = min(start + size, state.transfer.buffer.count)
        for place in start..<end { state.transfer.buffer[place] = UInt8(truncatingIfNeeded: value >> (8 * UInt32(place - start))) }
        state.transfer.position = end
        if end == state.transfer.buffer.count { storeBlock() }
    }

    // MARK: Reading

    /// Begins to move `count` sectors, which lie in the medium.
    func begin(_ kind: State.Transfer.Kind, _ drive: Int, at sector: UInt64, count: Int, block: Int, isExtended: Bool) {
        state.transfer = State.Transfer(
            kind: kind, drive: drive, isExtended: isExtended, sector: sector, remaining: count, block: block)
        if kind == .read {
            loadBlock()
        } else {
            // The first block of a write is asked for without an interrupt.
            askForBlock()
        }
    }

    /// Shows what is not on the medium: the identity.
    func show(_ bytes: [UInt8], _ drive: Int) {
        state.transfer = State.Transfer(kind: .identify, drive: drive, remaining: 1, buffer: bytes)
        offerBlock(drive)
    }

    private func offerBlock(_ drive: Int) {
        state.drives[drive].status = Status.ready | Status.data
        setInterrupt(drive, true)
    }

    private func loadBlock() {
        let (drive, sector) = (state.transfer.drive, state.transfer.sector)
        guard let medium = media[drive] else { return fail(drive, Failure.aborted) }
        var buffer = [UInt8](repeating: 0, count: min(state.transfer.block, state.transfer.remaining) * medium.sectorSize)
        guard medium.read(into: &buffer, at: sector) == .done else { return fail(drive, Failure.uncorrectable, at: sector) }
        (state.transfer.buffer, state.transfer.position) = (buffer, 0)
        offerBlock(drive)
    }

    private func blockWasTaken() {
        let drive = state.transfer.drive
        guard state.transfer.kind == .read, advance() else {
            // The last block ends the command without another interrupt.
            state.transfer = State.Transfer()
            state.drives[drive].status = Status.ready
            return
        }
        loadBlock()
    }

    /// Goes on behind the block in the buffer; false: it was the last one.
    private func advance() -> Bool {
        let moved = min(state.transfer.block, state.transfer.remaining)
        state.transfer.sector += UInt64(moved)
        state.transfer.remaining -= moved
        return state.transfer.remaining > 0
    }

    // MARK: Writing

    private func askForBlock() {
        let drive = state.transfer.drive
        guard let medium = media[drive] else { return fail(drive, Failure.aborted) }
        let size = min(state.transfer.block, state.transfer.remaining) * medium.sectorSize
        if state.transfer.buffer.count != size { state.transfer.buffer = [UInt8](repeating: 0, count: size) }
        state.transfer.position = 0
        state.drives[drive].status = Status.ready | Status.data
    }

    private func storeBlock() {
        let (drive, sector) = (state.transfer.drive, state.transfer.sector)
        guard let medium = media[drive] else { return fail(drive, Failure.aborted) }
        switch medium.write(state.transfer.buffer, at: sector) {
        case .failed: fail(drive, Failure.aborted, at: sector)
        case .full: hold(drive, isFlush: false)
        case .done:
            if advance() {
                askForBlock()
                setInterrupt(drive, true)
            } else if state.drives[drive].hasWriteCache {
                finish(drive)
            } else {
                flush(drive)
            }
        }
    }

    /// Everything written before is durable when the command ends.
    func flush(_ drive: Int) {
        state.transfer = State.Transfer()
        guard let medium = media[drive] else { return fail(drive, Failure.aborted) }
        switch medium.flush() {
        case .done: finish(drive)
        case .failed: fail(drive, Failure.aborted)
        case .full: hold(drive, isFlush: true)
        }
    }

    // MARK: Ends

    func finish(_ drive: Int) {
        state.transfer = State.Transfer()
        state.drives[drive].status = Status.ready
        setInterrupt(drive, true)
    }

    /// Ends the command with an error; the address registers show `sector`.
    func fail(_ drive: Int, _ error: UInt8, at sector: UInt64? = nil) {
        if let sector {
            func byte(_ place: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: sector >> (8 * place)) }
            if state.transfer.isExtended {
                state.low = State.Pair(now: byte(0), before: byte(3))
                state.middle = State.Pair(now: byte(1), before: byte(4))
                state.high = State.Pair(now: byte(2), before: byte(5))
            } else {
                (state.low.now, state.middle.now, state.high.now) = (byte(0), byte(1), byte(2))
                state.device = state.device & 0xf0 | byte(3) & 0x0f
            }
        }
        state.transfer = State.Transfer()
        state.drives[drive].status = Status.ready | Status.error
        state.drives[drive].error = error
        setInterrupt(drive, true)
    }

    private func hold(_ drive: Int, isFlush: Bool) {
        state.held = State.Held(drive: drive, isFlush: isFlush)
        state.drives[drive].status = Status.busy
    }

    /// A command waits for room on the host.
    package var isHolding: Bool { state.held != nil }

    /// Repeats what waits for room on the host. Precondition: the machine lock is held.
    package func resume() {
        guard let held = state.held else { return }
        state.held = nil
        if held.isFlush { flush(held.drive) } else { storeBlock() }
    }
}
