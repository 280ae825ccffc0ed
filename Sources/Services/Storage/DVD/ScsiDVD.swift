import Storage

/// A DVD drive on a SCSI controller, with or without a medium (MMC-6).
package final class ScsiDVD: ScsiTarget, @unchecked Sendable {
    // Safety: everything but the counters is used in the controller's pump only.
    private(set) var medium: (any Disk)?
    package let counters = ScsiCounters()
    /// The guest ejected the medium, which is closed already. Called in the pump.
    package var onEject: (() -> Void)?
    private var attentions = UnitAttentions()
    private var isRemovalPrevented = false
    /// A media event code that the guest has not asked for yet.
    private var mediaEvent = MediaEvent.none

    /// Media event codes of GET EVENT STATUS NOTIFICATION (MMC-6 table 346).
    private enum MediaEvent {
        static let none: UInt8 = 0
        static let newMedia: UInt8 = 2
        static let mediaRemoval: UInt8 = 3
    }

    package init(_ medium: (any Disk)?) { self.medium = medium }

    package var hasMedium: Bool { medium != nil }

    /// Puts a medium in; the guest is told. The one that was there is the caller's to close.
    func insert(_ disk: any Disk) -> (any Disk)? {
        let old = medium
        medium = disk
        mediaEvent = MediaEvent.newMedia
        attentions.raise(.mediumMayHaveChanged)
        return old
    }

    /// Takes the medium out, also when the guest prevents removal; it is the caller's to close.
    func takeMedium() -> (any Disk)? {
        guard let old = medium else { return nil }
        medium = nil
        isRemovalPrevented = false
        mediaEvent = MediaEvent.mediaRemoval
        attentions.raise(.mediumMayHaveChanged)
        return old
    }

    package func close() throws(DiskError) { try medium?.close() }

    package func raise(_ attention: SenseData) {
        // Linux fails a command of a removable device that meets an attention, so a drive reports only what is about its medium.
        if attention == .mediumMayHaveChanged { attentions.raise(attention) }
    }

    package var state: ScsiTargetState {
        ScsiTargetState(
            kind: "dvd", attentions: attentions.waiting, isRemovalPrevented: isRemovalPrevented, hasMedium: hasMedium,
            mediaEvent: mediaEvent)
    }

    /// A medium that came or went while the machine was saved is told like any other change.
    package func restore(_ state: ScsiTargetState) {
        attentions = UnitAttentions(state.attentions)
        isRemovalPrevented = state.isRemovalPrevented ?? false
        mediaEvent = state.mediaEvent ?? MediaEvent.none
        if let had = state.hasMedium, had != hasMedium {
            mediaEvent = hasMedium ? MediaEvent.newMedia : MediaEvent.mediaRemoval
            attentions.raise(.mediumMayHaveChanged)
        }
    }

    package func execute(_ exchange: ScsiExchange) -> ScsiOutcome {
        let block = exchange.block
        // Linux takes an attention for success here, so the door must be as it says all the same.
        if block.opcode == .preventAllow { isRemovalPrevented = block.bit(0, of: 4) }
        // Polling for media events does not wait behind an attention (MMC-6 4.1.8.1).
        if block.opcode != .getEventStatus, block.opcode != .getConfiguration, let attention = attentions.take(for: block.opcode) {
            return .check(attention)
        }
        switch block.opcode {
        case .read10, .read12: return read(exchange)
        case .testUnitReady, .synchronizeCache10: return hasMedium ? .good : .check(.mediumNotPresent)
        case .requestSense:
            if block.bit(0, of: 1) { return .check(.invalidFieldInBlock) }
            return exchange.reply((attentions.takeOldest() ?? .none).fixed, allocation: Int(block[4]))
        case .inquiry: return inquiry(exchange)
        case .readCapacity10: return readCapacity(exchange)
        case .readTOC: return readTOC(exchange)
        case .getConfiguration: return getConfiguration(exchange)
        case .getEventStatus: return eventStatus(exchange)
        case .readDiscInformation: return readDiscInformation(exchange)
        case .readTrackInformation: return readTrackInformation(exchange)
        case .modeSense6, .modeSense10: return modePages.answer(exchange)
        case .mechanismStatus: return exchange.reply([UInt8](repeating: 0, count: 8), allocation: Int(block.word(8)))
        case .maintenanceIn: return Self.supportedOpcodes.answer(exchange)
        case .preventAllow: return .good
        case .startStopUnit: return startStop(block)
        default: return .check(.invalidOpcode)
        }
    }

    private func startStop(_ block: CommandBlock) -> ScsiOutcome {
        let (loadsOrEjects, starts) = (block.bit(1, of: 4), block.bit(0, of: 4))
        switch (loadsOrEjects, starts) {
        case (true, true): return hasMedium ? .good : .check(.mediumNotPresent)
        case (true, false):
            guard hasMedium else { return .good }
            if isRemovalPrevented { return .check(.removalPrevented) }
            let old = takeMedium()
            // The guest itself did it: nothing that it would have to be told as an attention.
            attentions = UnitAttentions(attentions.waiting.filter { $0 != .mediumMayHaveChanged })
            var failure: DiskError?
            do { try old?.close() } catch { failure = error }
            onEject?()
            if let failure { return .trouble(.internalFailure, failure) }
            return .good
        default: return .good
        }
    }

    private func read(_ exchange: ScsiExchange) -> ScsiOutcome {
        guard let medium else { return .check(.mediumNotPresent) }
        guard exchange.block[1] & 0xE0 == 0 else { return .check(.invalidFieldInBlock) }
        let range = BlockRange(exchange.block)
        let sector = UInt64(medium.logicalSectorSize)
        guard range.lies(in: medium.size / sector) else { return .check(.addressOutOfRange) }
        guard range.count > 0 else { return .good }
        let bytes = range.count * sector
        guard bytes <= UInt64(exchange.length) else { return .check(.invalidFieldInBlock) }
        let outcome = exchange.transfer(Int(bytes), disk: medium, at: range.first * sector, writing: false)
        if case .good = outcome { counters.countRead(Int(bytes)) }
        return outcome
    }

    /// One operational change class only: media. Polled; asynchronous notices are not offered.
    private func eventStatus(_ exchange: ScsiExchange) -> ScsiOutcome {
        let block = exchange.block
        let mediaClass: UInt8 = 4
        guard block.bit(0, of: 1) else { return .check(.invalidFieldInBlock) }
        let allocation = Int(block.word(7))
        guard block[4] & (1 << mediaClass) != 0 else {
            return exchange.reply([0, 2, 0x80, 1 << mediaClass], allocation: allocation)
        }
        let data: [UInt8] = [0, 6, mediaClass, 1 << mediaClass, mediaEvent, hasMedium ? 0x02 : 0, 0, 0]
        // A reply that is cut to its header tells nothing of the event.
        if allocation > 4 { mediaEvent = MediaEvent.none }
        return exchange.reply(data, allocation: allocation)
    }
}
