import Storage

/// Reading, writing, flushing and verifying (SBC-3 5).
extension ScsiDisk {
    func read(_ exchange: ScsiExchange) -> ScsiOutcome {
        let range = BlockRange(exchange.block)
        if let refusal = refusal(of: range, exchange) { return refusal }
        if hasForcedUnitAccess(exchange.block) {
            guard exchange.mayWait else { return .later }
            do { try disk.flush() } catch { return .of(error, writing: true) }
        }
        guard range.count > 0 else { return .good }
        guard let bytes = byteCount(of: range, exchange) else { return .check(.invalidFieldInBlock) }
        let outcome = exchange.transfer(bytes, disk: disk, queue, at: range.first * sectorSize, writing: false)
        if case .good = outcome { counters.countRead(bytes) }
        return outcome
    }

    /// `verifying`: the written data is on the medium when the command ends, as with FUA.
    func write(_ exchange: ScsiExchange, verifying: Bool) -> ScsiOutcome {
        let range = BlockRange(exchange.block)
        if let refusal = refusal(of: range, exchange) { return refusal }
        if disk.isReadOnly { return .check(.writeProtected) }
        guard range.count > 0 else { return .good }
        guard let bytes = byteCount(of: range, exchange) else { return .check(.invalidFieldInBlock) }
        let mustLast = verifying || hasForcedUnitAccess(exchange.block)
        if mustLast, !exchange.mayWait { return .later }
        let outcome = exchange.transfer(bytes, disk: disk, mustLast ? nil : queue, at: range.first * sectorSize, writing: true)
        guard case .good = outcome else { return outcome }
        if mustLast {
            do { try disk.flush() } catch { return .of(error, writing: true) }
        }
        counters.countWrite(bytes)
        return .good
    }

    func synchronize(_ exchange: ScsiExchange) -> ScsiOutcome {
        guard BlockRange(exchange.block).lies(in: sectorCount) else { return .check(.addressOutOfRange) }
        do { try disk.flush() } catch { return .of(error, writing: true) }
        counters.countFlush()
        return .good
    }

    /// Without a byte check there is nothing to do but look at the range; comparing with the guest's data is not offered.
    func verify(_ exchange: ScsiExchange) -> ScsiOutcome {
        guard exchange.block[1] & 0x06 == 0 else { return .check(.invalidFieldInBlock) }
        return refusal(of: BlockRange(exchange.block), exchange) ?? .good
    }

    /// No protection information, and inside the disk.
    private func refusal(of range: BlockRange, _ exchange: ScsiExchange) -> ScsiOutcome? {
        let isShort = exchange.block.opcode == .read6 || exchange.block.opcode == .write6
        if !isShort, exchange.block[1] & 0xE0 != 0 { return .check(.invalidFieldInBlock) }
        return range.lies(in: sectorCount) ? nil : .check(.addressOutOfRange)
    }

    /// Bytes of the range if the guest's buffer holds so many. Lies in the disk, so the product cannot overflow.
    private func byteCount(of range: BlockRange, _ exchange: ScsiExchange) -> Int? {
        let bytes = range.count * sectorSize
        return bytes <= UInt64(exchange.length) ? Int(bytes) : nil
    }

    private func hasForcedUnitAccess(_ block: CommandBlock) -> Bool {
        switch block.opcode {
        case .read10, .read12, .read16, .write10, .write12, .write16: block.bit(3, of: 1)
        default: false
        }
    }
}
