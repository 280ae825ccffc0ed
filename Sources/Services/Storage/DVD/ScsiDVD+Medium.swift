import Storage

/// What a drive says about itself and its medium: one session with one data track (MMC-6 6).
extension ScsiDVD {
    /// Peripheral type 5.
    private static let peripheral: UInt8 = 5
    /// Profiles (MMC-6 table 91).
    private static let cdROM: UInt16 = 0x0008
    private static let dvdROM: UInt16 = 0x0010
    /// Sectors behind which a medium cannot be a CD.
    private static let largestCD: UInt64 = 450_000
    /// Track number of the lead-out.
    private static let leadOut: UInt8 = 0xAA

    private var sectorCount: UInt64 { medium.map { $0.size / UInt64($0.logicalSectorSize) } ?? 0 }

    private var profile: UInt16 {
        if !hasMedium { return 0 }
        return sectorCount > Self.largestCD ? Self.dvdROM : Self.cdROM
    }

    func inquiry(_ exchange: ScsiExchange) -> ScsiOutcome {
        InquiryData.answer(
            exchange, standard: InquiryData.standard(peripheral: Self.peripheral, isRemovable: true, product: "Virtual DVD-ROM")
        ) { code in
            switch code {
            case 0x00: InquiryData.page(code, peripheral: Self.peripheral, [0x00, 0x83])
            case 0x83:
                // Only the vendor: drives of one machine are told apart by their location.
                InquiryData.page(code, peripheral: Self.peripheral, [0x02, 0x01, 0, 8] + Array("MSFT    ".utf8))
            default: nil
            }
        }
    }

    func readCapacity(_ exchange: ScsiExchange) -> ScsiOutcome {
        guard let medium else { return .check(.mediumNotPresent) }
        var data: [UInt8] = []
        data.appendBig(UInt32(clamping: sectorCount - min(sectorCount, 1)))
        data.appendBig(UInt32(medium.logicalSectorSize))
        return exchange.reply(data, allocation: data.count)
    }

    /// Formats 0 (tracks), 1 (sessions) and 2 (raw).
    func readTOC(_ exchange: ScsiExchange) -> ScsiOutcome {
        guard hasMedium else { return .check(.mediumNotPresent) }
        let block = exchange.block
        let inTime = block.bit(1, of: 1)
        let start = block[6]
        // Older drivers put the format into the control byte.
        let format = block[2] & 0x0F != 0 ? block[2] & 0x0F : block[9] >> 6
        let end = UInt32(clamping: sectorCount)
        var body: [UInt8] = []
        switch format {
        case 0:
            guard start <= 1 || start == Self.leadOut else { return .check(.invalidFieldInBlock) }
            if start <= 1 { body += [0, 0x14, 1, 0] + Self.address(0, inTime: inTime) }
            body += [0, 0x14, Self.leadOut, 0] + Self.address(end, inTime: inTime)
        case 1: body = [0, 0x14, 1, 0] + Self.address(0, inTime: inTime)
        case 2:
            let (first, last) = (Self.time(0), Self.time(end))
            for (point, time) in [(UInt8(0xA0), [1, 0, 0]), (0xA1, [1, 0, 0]), (0xA2, last), (1, first)] {
                body += [1, 0x14, 0, point, 0, 0, 0, 0] + time
            }
        default: return .check(.invalidFieldInBlock)
        }
        var data: [UInt8] = []
        data.appendBig(UInt16(body.count + 2))
        // First and last track or session.
        data += [1, 1]
        return exchange.reply(data + body, allocation: Int(block.word(7)))
    }

    /// Minute, second, frame; the first sector lies two seconds in.
    private static func time(_ sector: UInt32) -> [UInt8] {
        let frames = UInt64(sector) + 150
        return [UInt8(truncatingIfNeeded: frames / 75 / 60), UInt8(frames / 75 % 60), UInt8(frames % 75)]
    }

    private static func address(_ sector: UInt32, inTime: Bool) -> [UInt8] {
        if inTime { return [0] + time(sector) }
        var bytes: [UInt8] = []
        bytes.appendBig(sector)
        return bytes
    }

    func getConfiguration(_ exchange: ScsiExchange) -> ScsiOutcome {
        let block = exchange.block
        let (request, first) = (block[1] & 3, block.word(2))
        guard request < 3 else { return .check(.invalidFieldInBlock) }
        var body: [UInt8] = []
        for feature in features where request == 2 ? feature.code == first : feature.code >= first && (request == 0 || feature.isCurrent) {
            body.appendBig(feature.code)
            body += [feature.version << 2 | (feature.isPersistent ? 2 : 0) | (feature.isCurrent ? 1 : 0), UInt8(feature.data.count)]
            body += feature.data
        }
        var data: [UInt8] = []
        data.appendBig(UInt32(4 + body.count))
        data += [0, 0]
        data.appendBig(profile)
        return exchange.reply(data + body, allocation: Int(block.word(7)))
    }

    private struct Feature {
        var code: UInt16
        var version: UInt8
        var isPersistent: Bool
        var isCurrent: Bool
        var data: [UInt8]
    }

    /// Rising codes: profile list, core, removable medium, random readable, CD read, DVD read, time-out.
    private var features: [Feature] {
        let isDVD = profile == Self.dvdROM
        let isCD = profile == Self.cdROM
        return [
            Feature(
                code: 0x0000, version: 0, isPersistent: true, isCurrent: true,
                data: [0, 0x10, isDVD ? 1 : 0, 0, 0, 0x08, isCD ? 1 : 0, 0]),
            // The physical interface is SCSI.
            Feature(code: 0x0001, version: 2, isPersistent: true, isCurrent: true, data: [0, 0, 0, 1, 1, 0, 0, 0]),
            // A tray that can be locked and ejects.
            Feature(code: 0x0003, version: 0, isPersistent: true, isCurrent: true, data: [0x29, 0, 0, 0]),
            Feature(code: 0x0010, version: 0, isPersistent: false, isCurrent: hasMedium, data: [0, 0, 8, 0, 0, 1, 0, 0]),
            Feature(code: 0x001E, version: 2, isPersistent: false, isCurrent: isCD, data: [0, 0, 0, 0]),
            Feature(code: 0x001F, version: 0, isPersistent: false, isCurrent: isDVD, data: []),
            Feature(code: 0x0105, version: 0, isPersistent: true, isCurrent: true, data: [0, 0, 0, 0]),
        ]
    }

    /// A closed disc with one complete session of one track.
    func readDiscInformation(_ exchange: ScsiExchange) -> ScsiOutcome {
        guard hasMedium else { return .check(.mediumNotPresent) }
        guard exchange.block[1] & 7 == 0 else { return .check(.invalidFieldInBlock) }
        var data: [UInt8] = [0, 32, 0x0E, 1, 1, 1, 1, 0x20, 0, 0, 0, 0]
        data.appendZeros(4)
        // No next lead-in or lead-out: the disc is closed.
        data += [UInt8](repeating: 0xFF, count: 8)
        data.appendZeros(10)
        return exchange.reply(data, allocation: Int(exchange.block.word(7)))
    }

    /// The one track, by address, by number or by session.
    func readTrackInformation(_ exchange: ScsiExchange) -> ScsiOutcome {
        guard hasMedium else { return .check(.mediumNotPresent) }
        let (kind, number) = (exchange.block[1] & 3, exchange.block.long(2))
        guard kind < 3, kind == 0 ? UInt64(number) < sectorCount : number == 1 else { return .check(.invalidFieldInBlock) }
        var data: [UInt8] = [0, 34, 1, 1, 0, 4, 1, 0]
        data.appendZeros(16)
        data.appendBig(UInt32(clamping: sectorCount))
        data.appendZeros(8)
        return exchange.reply(data, allocation: Int(exchange.block.word(7)))
    }

    /// Error recovery, and the capabilities that Linux reads: no audio, no writing, a tray that locks and ejects.
    var modePages: ModePages {
        var capabilities: [UInt8] = [0x2A, 18, 0x08, 0, 0x70, 0, 0x29, 0]
        capabilities.appendBig(UInt16(0x2C2))
        capabilities.appendBig(UInt16(2))
        capabilities.appendBig(UInt16(512))
        capabilities.appendBig(UInt16(0x2C2))
        capabilities.appendZeros(4)
        return ModePages(pages: [(0x01, [0x01, 10] + [UInt8](repeating: 0, count: 10)), (0x2A, capabilities)])
    }

    static var supportedOpcodes: SupportedOpcodes {
        let (four, eight, none) = (
            [UInt8](repeating: 0xFF, count: 4), [UInt8](repeating: 0xFF, count: 8), [UInt8](repeating: 0, count: 16)
        )
        return SupportedOpcodes(commands: [
            .init(.testUnitReady, [0, 0, 0, 0, 0]), .init(.requestSense, [1, 0, 0, 0xFF, 0]), .init(.inquiry, [1, 0xFF, 0xFF, 0xFF, 0]),
            .init(.modeSense6, [0, 0xFF, 0xFF, 0xFF, 0]), .init(.startStopUnit, [0, 0, 0, 3, 0]), .init(.preventAllow, [0, 0, 0, 1, 0]),
            .init(.readCapacity10, Array(none.prefix(9))), .init(.read10, [0] + four + [0, 0xFF, 0xFF, 0]),
            .init(.synchronizeCache10, Array(none.prefix(9))),
            .init(.readTOC, [2, 0x0F, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xC0]), .init(.getConfiguration, [3, 0xFF, 0xFF, 0, 0, 0, 0xFF, 0xFF, 0]),
            .init(.getEventStatus, [1, 0, 0, 0xFF, 0, 0, 0xFF, 0xFF, 0]), .init(.readDiscInformation, [7, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0]),
            .init(.readTrackInformation, [3] + four + [0, 0xFF, 0xFF, 0]), .init(.modeSense10, [0, 0xFF, 0xFF, 0, 0, 0, 0xFF, 0xFF, 0]),
            .init(.reportLUNs, [0, 0xFF, 0, 0, 0] + four + [0, 0]),
            .init(.maintenanceIn, action: Opcode.reportOpcodesAction, [0x0C, 0x07, 0xFF, 0xFF, 0xFF] + four + [0, 0]),
            .init(.read12, [0] + eight + [0, 0]), .init(.mechanismStatus, Array(none.prefix(7)) + [0xFF, 0xFF, 0, 0]),
        ])
    }
}
