/// Standard INQUIRY data and the vital product data pages that disks and drives share (SPC-4 6.4, 7.8).
enum InquiryData {
    /// Vendor of Hyper-V's virtual devices: Linux trusts their WRITE SAME by this name.
    static let vendor = "Msft"
    /// Peripheral qualifier and type of a location where nothing stands.
    static let absent: UInt8 = 0x7F

    /// 36 bytes claiming SPC-3, with command queueing.
    static func standard(peripheral: UInt8, isRemovable: Bool, product: String) -> [UInt8] {
        // Response data format 2, hierarchical LUNs.
        var data: [UInt8] = [peripheral, isRemovable ? 0x80 : 0, 5, 0x12, 31, 0, 0, 0x02]
        data.appendText(vendor, length: 8)
        data.appendText(product, length: 16)
        data.appendText("1.0", length: 4)
        return data
    }

    /// A page of vital product data around its content.
    static func page(_ code: UInt8, peripheral: UInt8, _ content: [UInt8]) -> [UInt8] {
        var data: [UInt8] = [peripheral, code]
        data.appendBig(UInt16(truncatingIfNeeded: content.count))
        return data + content
    }

    /// Page 0x80: the identifier's hexadecimal digits.
    static func serialNumber(_ identifier: [UInt8]) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return identifier.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    }

    /// Page 0x83: a T10 vendor designator, and an NAA one (type 6, the company identifier that Hyper-V's disks carry) with the last
    /// twelve bytes of the identifier.
    static func designators(_ identifier: [UInt8]) -> [UInt8] {
        var data: [UInt8] = [0x01, 0x01, 0, UInt8(8 + identifier.count)]
        data.appendText(vendor.uppercased(), length: 8)
        data += identifier
        data += [0x01, 0x03, 0, 16, 0x60, 0x02, 0x24, 0x80]
        data += identifier.suffix(12)
        return data
    }

    /// Answers INQUIRY from the standard data and the pages of one target.
    static func answer(_ exchange: ScsiExchange, standard: @autoclosure () -> [UInt8], page: (UInt8) -> [UInt8]?) -> ScsiOutcome {
        let block = exchange.block
        let allocation = Int(block.word(3))
        if block.bit(0, of: 1) {
            guard let data = page(block[2]) else { return .check(.invalidFieldInBlock) }
            return exchange.reply(data, allocation: allocation)
        }
        guard block[2] == 0, !block.bit(1, of: 1) else { return .check(.invalidFieldInBlock) }
        return exchange.reply(standard(), allocation: allocation)
    }
}
