/// Answers MODE SENSE (6) and (10) from a target's pages (SPC-4 6.11, 6.12).
struct ModePages {
    /// Medium type and device-specific parameter of the header.
    var mediumType: UInt8 = 0
    var deviceSpecific: UInt8 = 0
    /// The short block descriptor, eight bytes, or none.
    var blockDescriptor: [UInt8] = []
    /// Page code to page (with its own header), in rising order of codes.
    var pages: [(code: UInt8, bytes: [UInt8])]

    private static let allPages: UInt8 = 0x3F

    func answer(_ exchange: ScsiExchange) -> ScsiOutcome {
        let block = exchange.block
        let isLong = block.opcode == .modeSense10
        let (control, code, subpage) = (block[2] >> 6, block[2] & 0x3F, block[3])
        if control == 3 { return .check(.savingNotSupported) }
        guard subpage == 0 || (subpage == 0xFF && code == Self.allPages) else { return .check(.invalidFieldInBlock) }
        var body: [UInt8] = []
        for page in pages where code == Self.allPages || code == page.code {
            // Nothing can be changed: the mask of changeable values is zero behind the page's header.
            body += control == 1 ? page.bytes.prefix(2) + [UInt8](repeating: 0, count: page.bytes.count - 2) : page.bytes[...]
        }
        guard !body.isEmpty else { return .check(.invalidFieldInBlock) }
        let descriptor = block.bit(3, of: 1) ? [] : blockDescriptor
        var data: [UInt8] = []
        if isLong {
            data.appendBig(UInt16(6 + descriptor.count + body.count))
            data += [mediumType, deviceSpecific, 0, 0]
            data.appendBig(UInt16(descriptor.count))
        } else {
            data += [UInt8(truncatingIfNeeded: 3 + descriptor.count + body.count), mediumType, deviceSpecific, UInt8(descriptor.count)]
        }
        return exchange.reply(data + descriptor + body, allocation: isLong ? Int(block.word(7)) : Int(block[4]))
    }
}
