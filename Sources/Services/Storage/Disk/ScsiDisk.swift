import Storage

/// A virtual hard disk on a SCSI controller: a direct-access block device (SBC-3).
package final class ScsiDisk: ScsiTarget, @unchecked Sendable {
    // Safety: everything but the counters is used in the controller's pump only.
    package let disk: any Disk
    /// The same, if it takes several requests at a time.
    let queue: (any QueuedDisk)?
    /// Sixteen bytes.
    let identifier: [UInt8]
    package let counters = ScsiCounters()
    private var attentions = UnitAttentions()
    /// Zeros or a repeated block for WRITE SAME; grows when first needed.
    var pattern: [UInt8] = []

    /// `fallbackIdentifier`: the identity that the guest sees where the disk's format has none; stable for the drive, at most sixteen
    /// bytes count.
    package init(_ disk: any Disk, fallbackIdentifier: [UInt8]) {
        self.disk = disk
        queue = disk as? any QueuedDisk
        let bytes = disk.identifier ?? fallbackIdentifier
        identifier = Array(bytes.prefix(16)) + [UInt8](repeating: 0, count: max(0, 16 - bytes.count))
    }

    package func close() throws(DiskError) { try disk.close() }

    package func raise(_ attention: SenseData) { attentions.raise(attention) }

    package var state: ScsiTargetState { ScsiTargetState(kind: "disk", attentions: attentions.waiting) }

    package func restore(_ state: ScsiTargetState) { attentions = UnitAttentions(state.attentions) }

    var sectorSize: UInt64 { UInt64(disk.logicalSectorSize) }
    var sectorCount: UInt64 { disk.size / sectorSize }

    package func execute(_ exchange: ScsiExchange) -> ScsiOutcome {
        let block = exchange.block
        if let attention = attentions.take(for: block.opcode) { return .check(attention) }
        switch block.opcode {
        case .read6, .read10, .read12, .read16: return read(exchange)
        case .write6, .write10, .write12, .write16: return write(exchange, verifying: false)
        case .writeAndVerify10, .writeAndVerify12, .writeAndVerify16: return write(exchange, verifying: true)
        case .synchronizeCache10, .synchronizeCache16: return synchronize(exchange)
        case .unmap: return unmap(exchange)
        case .writeSame10, .writeSame16: return writeSame(exchange)
        case .verify10, .verify12, .verify16: return verify(exchange)
        case .testUnitReady: return .good
        case .requestSense: return requestSense(exchange)
        case .inquiry: return inquiry(exchange)
        case .readCapacity10: return readCapacity10(exchange)
        case .serviceActionIn16: return readCapacity16(exchange)
        case .modeSense6, .modeSense10: return modePages.answer(exchange)
        case .maintenanceIn: return Self.supportedOpcodes(canDiscard: disk.canDiscard).answer(exchange)
        // A virtual disk spins by itself and cannot be taken out.
        case .startStopUnit, .preventAllow: return .good
        default: return .check(.invalidOpcode)
        }
    }

    private func requestSense(_ exchange: ScsiExchange) -> ScsiOutcome {
        // Descriptor format is not spoken.
        if exchange.block.bit(0, of: 1) { return .check(.invalidFieldInBlock) }
        return exchange.reply((attentions.takeOldest() ?? .none).fixed, allocation: Int(exchange.block[4]))
    }
}
