/// What a disk says about itself: INQUIRY, READ CAPACITY, MODE SENSE, supported commands.
extension ScsiDisk {
    /// Peripheral type 0.
    private static let peripheral: UInt8 = 0
    /// Blocks that one UNMAP may give up: 4 GiB of 512-byte sectors.
    static let maximumUnmapSectors: UInt32 = 1 << 23
    /// Descriptors in one UNMAP.
    static let maximumUnmapRanges = 256
    /// Bytes that one WRITE SAME may write.
    static let maximumWriteSame: UInt64 = 64 << 20

    func inquiry(_ exchange: ScsiExchange) -> ScsiOutcome {
        InquiryData.answer(
            exchange, standard: InquiryData.standard(peripheral: Self.peripheral, isRemovable: false, product: "Virtual Disk")
        ) { code in
            let content: [UInt8]? =
                switch code {
                case 0x00: [0x00, 0x80, 0x83, 0xB0, 0xB1, 0xB2]
                case 0x80: InquiryData.serialNumber(identifier)
                case 0x83: InquiryData.designators(identifier)
                case 0xB0: blockLimits
                // Non-rotating medium.
                case 0xB1: [0, 1] + [UInt8](repeating: 0, count: 58)
                // UNMAP and both WRITE SAME give room back; thin.
                case 0xB2: [0, disk.canDiscard ? 0xE0 : 0, disk.canDiscard ? 2 : 0, 0]
                default: nil
                }
            return content.map { InquiryData.page(code, peripheral: Self.peripheral, $0) }
        }
    }

    /// SBC-3 6.6.4.
    private var blockLimits: [UInt8] {
        // WRITE SAME of zero blocks is refused; there is no COMPARE AND WRITE.
        var data: [UInt8] = [1, 0]
        let perPhysical = UInt32(max(disk.physicalSectorSize / disk.logicalSectorSize, 1))
        data.appendBig(UInt16(perPhysical))
        data.appendBig(UInt32(StoragePacket.maximumTransfer / disk.logicalSectorSize))
        data.appendBig(UInt32(0))
        data.appendBig(UInt32(0))
        data.appendBig(disk.canDiscard ? Self.maximumUnmapSectors : 0)
        data.appendBig(disk.canDiscard ? UInt32(Self.maximumUnmapRanges) : 0)
        data.appendBig(disk.canDiscard ? perPhysical : 0)
        // The alignment of that granularity is zero, and valid.
        data.appendBig(disk.canDiscard ? UInt32(1) << 31 : 0)
        data.appendBig(Self.maximumWriteSame / sectorSize)
        data.appendZeros(20)
        return data
    }

    func readCapacity10(_ exchange: ScsiExchange) -> ScsiOutcome {
        var data: [UInt8] = []
        data.appendBig(UInt32(clamping: sectorCount - min(sectorCount, 1)))
        data.appendBig(UInt32(disk.logicalSectorSize))
        return exchange.reply(data, allocation: data.count)
    }

    func readCapacity16(_ exchange: ScsiExchange) -> ScsiOutcome {
        guard exchange.block[1] & 0x1F == Opcode.readCapacity16Action else { return .check(.invalidFieldInBlock) }
        var data: [UInt8] = []
        data.appendBig(sectorCount - min(sectorCount, 1))
        data.appendBig(UInt32(disk.logicalSectorSize))
        var exponent: UInt8 = 0
        while disk.logicalSectorSize << Int(exponent) < disk.physicalSectorSize { exponent += 1 }
        // Logical block provisioning management; what was given up does not promise to read as zeros.
        data += [0, exponent, disk.canDiscard ? 0x80 : 0, 0]
        data.appendZeros(16)
        return exchange.reply(data, allocation: Int(clamping: exchange.block.long(10)))
    }

    var modePages: ModePages {
        var descriptor: [UInt8] = []
        descriptor.appendBig(UInt32(clamping: sectorCount))
        descriptor.appendBig(UInt32(disk.logicalSectorSize))
        // Caching with the write cache on; control; informational exceptions, none reported.
        let caching: [UInt8] = [0x08, 18, 0x04] + [UInt8](repeating: 0, count: 17)
        let control: [UInt8] = [0x0A, 10] + [UInt8](repeating: 0, count: 10)
        let exceptions: [UInt8] = [0x1C, 10] + [UInt8](repeating: 0, count: 10)
        // Write protection, and that FUA is honoured.
        return ModePages(
            deviceSpecific: (disk.isReadOnly ? 0x80 : 0) | 0x10, blockDescriptor: descriptor,
            pages: [(0x08, caching), (0x0A, control), (0x1C, exceptions)])
    }

    static func supportedOpcodes(canDiscard: Bool) -> SupportedOpcodes {
        let (four, eight) = ([UInt8](repeating: 0xFF, count: 4), [UInt8](repeating: 0xFF, count: 8))
        let (ten, sixteen): ([UInt8], [UInt8]) = (four + [0, 0xFF, 0xFF, 0], eight + four + [0, 0])
        var commands: [SupportedOpcodes.Command] = [
            .init(.testUnitReady, [0, 0, 0, 0, 0]), .init(.requestSense, [1, 0, 0, 0xFF, 0]),
            .init(.read6, [0x1F, 0xFF, 0xFF, 0xFF, 0]), .init(.write6, [0x1F, 0xFF, 0xFF, 0xFF, 0]),
            .init(.inquiry, [1, 0xFF, 0xFF, 0xFF, 0]), .init(.modeSense6, [0x08, 0xFF, 0xFF, 0xFF, 0]),
            .init(.startStopUnit, [0, 0, 0, 0, 0]), .init(.preventAllow, [0, 0, 0, 0, 0]),
            .init(.readCapacity10, [0, 0, 0, 0, 0, 0, 0, 0, 0]), .init(.read10, [0x08] + ten), .init(.write10, [0x08] + ten),
            .init(.writeAndVerify10, [0] + ten), .init(.verify10, [0] + ten), .init(.synchronizeCache10, [0] + ten),
            .init(.writeSame10, [canDiscard ? 0x08 : 0] + ten),
            .init(.modeSense10, [0x08, 0xFF, 0xFF, 0, 0, 0, 0xFF, 0xFF, 0]),
            .init(.read16, [0x08] + sixteen), .init(.write16, [0x08] + sixteen), .init(.writeAndVerify16, [0] + sixteen),
            .init(.verify16, [0] + sixteen), .init(.synchronizeCache16, [0] + sixteen),
            .init(.writeSame16, [canDiscard ? 0x09 : 0x01] + sixteen),
            .init(.serviceActionIn16, action: Opcode.readCapacity16Action, [0x10] + [UInt8](repeating: 0, count: 8) + four + [0, 0]),
            .init(.reportLUNs, [0, 0xFF, 0, 0, 0] + four + [0, 0]),
            .init(.maintenanceIn, action: Opcode.reportOpcodesAction, [0x0C, 0x07, 0xFF, 0xFF, 0xFF] + four + [0, 0]),
            .init(.read12, [0x08] + eight + [0, 0]), .init(.write12, [0x08] + eight + [0, 0]),
            .init(.writeAndVerify12, [0] + eight + [0, 0]), .init(.verify12, [0] + eight + [0, 0]),
        ]
        if canDiscard { commands.append(.init(.unmap, [0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0])) }
        commands.sort { $0.opcode.rawValue < $1.opcode.rawValue }
        return SupportedOpcodes(commands: commands)
    }
}
