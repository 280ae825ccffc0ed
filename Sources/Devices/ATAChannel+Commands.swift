/// The commands of disks (ATA/ATAPI-7, volume 1, chapter 6). Those that are not here are aborted.
extension ATAChannel {
    private enum Command {
        static let readSectors: UInt8 = 0x20, readSectorsOnce: UInt8 = 0x21, readSectorsExtended: UInt8 = 0x24
        static let readMultipleExtended: UInt8 = 0x29, readMultiple: UInt8 = 0xc4
        static let writeSectors: UInt8 = 0x30, writeSectorsOnce: UInt8 = 0x31, writeSectorsExtended: UInt8 = 0x34
        static let writeMultipleExtended: UInt8 = 0x39, writeMultiple: UInt8 = 0xc5
        static let verify: UInt8 = 0x40, verifyOnce: UInt8 = 0x41, verifyExtended: UInt8 = 0x42
        static let recalibrate: ClosedRange<UInt8> = 0x10...0x1f
        static let diagnostic: UInt8 = 0x90, initializeParameters: UInt8 = 0x91
        static let setMultiple: UInt8 = 0xc6
        static let standbyImmediate: UInt8 = 0xe0, idleImmediate: UInt8 = 0xe1, standby: UInt8 = 0xe2, idle: UInt8 = 0xe3
        static let checkPower: UInt8 = 0xe5
        static let flush: UInt8 = 0xe7, flushExtended: UInt8 = 0xea
        static let identify: UInt8 = 0xec, setFeatures: UInt8 = 0xef
    }

    private enum Feature {
        static let enableWriteCache: UInt8 = 0x02, disableWriteCache: UInt8 = 0x82, setTransferMode: UInt8 = 0x03
        static let disableLookAhead: UInt8 = 0x55, enableLookAhead: UInt8 = 0xaa
        static let keepSettings: UInt8 = 0x66, forgetSettings: UInt8 = 0xcc
    }

    func command(_ code: UInt8) {
        guard state.control & Control.reset == 0, state.held == nil, state.transfer.kind == .none else { return }
        if code == Command.diagnostic {
            // The one command that both drives carry out, whichever is selected.
            guard media[0] != nil else { return }
            showSignature()
            return setInterrupt(0, true)
        }
        let drive = selected
        guard let medium = media[drive] else { return }
        setInterrupt(drive, false)
        state.drives[drive].error = 0
        carryOut(code, drive, medium)
    }

    private func carryOut(_ code: UInt8, _ drive: Int, _ medium: any ATAMedium) {
        let multiple = Int(state.drives[drive].multiple)
        switch code {
        case Command.readSectors, Command.readSectorsOnce: move(.read, drive, medium, block: 1)
        case Command.readSectorsExtended: move(.read, drive, medium, block: 1, isExtended: true)
        case Command.readMultiple: move(.read, drive, medium, block: multiple)
        case Command.readMultipleExtended: move(.read, drive, medium, block: multiple, isExtended: true)
        case Command.writeSectors, Command.writeSectorsOnce: move(.write, drive, medium, block: 1)
        case Command.writeSectorsExtended: move(.write, drive, medium, block: 1, isExtended: true)
        case Command.writeMultiple: move(.write, drive, medium, block: multiple)
        case Command.writeMultipleExtended: move(.write, drive, medium, block: multiple, isExtended: true)
        case Command.verify, Command.verifyOnce: verify(drive, medium, isExtended: false)
        case Command.verifyExtended: verify(drive, medium, isExtended: true)
        case Command.flush, Command.flushExtended: flush(drive)
        case Command.identify:
            show(ATAIdentity(medium, drive: drive, settings: state.drives[drive]).bytes, drive)
        case Command.setMultiple:
            let count = state.count.now
            guard count <= Self.multipleLimit, count & (count &- 1) == 0 else { return fail(drive, Failure.aborted) }
            state.drives[drive].multiple = count
            finish(drive)
        case Command.setFeatures:
            if setFeature(drive) { finish(drive) } else { fail(drive, Failure.aborted) }
        case Command.initializeParameters:
            // Only the geometry that the identity tells.
            let isKnown = state.count.now == ATAIdentity.sectors && state.device & 0x0f == ATAIdentity.heads - 1
            if isKnown { finish(drive) } else { fail(drive, Failure.aborted) }
        case Command.checkPower:
            // It never sleeps.
            state.count.now = 0xff
            finish(drive)
        case Command.recalibrate, Command.standbyImmediate, Command.idleImmediate, Command.standby, Command.idle: finish(drive)
        default: fail(drive, Failure.aborted)
        }
    }

    private func move(
        _ kind: State.Transfer.Kind, _ drive: Int, _ medium: any ATAMedium, block: Int, isExtended: Bool = false
    ) {
        if kind == .write, medium.isReadOnly { return fail(drive, Failure.protected | Failure.aborted) }
        guard block > 0 else { return fail(drive, Failure.aborted) }
        guard let sectors = range(of: medium, isExtended: isExtended) else { return fail(drive, Failure.notFound) }
        begin(kind, drive, at: sectors.sector, count: sectors.count, block: block, isExtended: isExtended)
    }

    /// Without a byte check there is nothing to do but look at the range.
    private func verify(_ drive: Int, _ medium: any ATAMedium, isExtended: Bool) {
        if range(of: medium, isExtended: isExtended) == nil { fail(drive, Failure.notFound) } else { finish(drive) }
    }

    /// The sectors that the command block names; nil: not all of them are there.
    private func range(of medium: any ATAMedium, isExtended: Bool) -> (sector: UInt64, count: Int)? {
        let isLinear = state.device & 0x40 != 0
        let (low, middle, high) = (UInt64(state.low.now), UInt64(state.middle.now), UInt64(state.high.now))
        var sector = low | middle << 8 | high << 16
        var count = Int(state.count.now)
        if isExtended {
            guard isLinear else { return nil }
            sector |= UInt64(state.low.before) << 24 | UInt64(state.middle.before) << 32 | UInt64(state.high.before) << 40
            count |= Int(state.count.before) << 8
            if count == 0 { count = 65536 }
        } else {
            if count == 0 { count = 256 }
            if isLinear {
                sector |= UInt64(state.device & 0x0f) << 24
            } else {
                // Cylinder, head and sector, which counts from 1.
                guard low >= 1, low <= UInt64(ATAIdentity.sectors) else { return nil }
                let track = (middle | high << 8) * UInt64(ATAIdentity.heads) + UInt64(state.device & 0x0f)
                sector = track * UInt64(ATAIdentity.sectors) + low - 1
            }
        }
        guard UInt64(count) <= medium.sectorCount, sector <= medium.sectorCount - UInt64(count) else { return nil }
        return (sector, count)
    }

    /// false: there is no such feature.
    private func setFeature(_ drive: Int) -> Bool {
        switch state.features {
        case Feature.enableWriteCache: state.drives[drive].hasWriteCache = true
        case Feature.disableWriteCache: state.drives[drive].hasWriteCache = false
        // Programmed input and output in its default mode or in modes 0 to 4; the others are DMA's.
        case Feature.setTransferMode: return state.count.now <= 1 || (8...12).contains(state.count.now)
        case Feature.enableLookAhead, Feature.disableLookAhead, Feature.keepSettings, Feature.forgetSettings: break
        default: return false
        }
        return true
    }
}
