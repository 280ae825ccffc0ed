/// A command descriptor block: sixteen bytes, numbers big-endian (SPC-4 4.2).
struct CommandBlock: Equatable, Sendable {
    private var high: UInt64 = 0
    private var low: UInt64 = 0

    init() {}

    /// The first sixteen bytes of `bytes` at `offset`; what is missing is zero.
    init(_ bytes: [UInt8], at offset: Int = 0) {
        high = UInt64(littleEndian: bytes.little(offset, as: UInt64.self)).byteSwapped
        low = UInt64(littleEndian: bytes.little(offset + 8, as: UInt64.self)).byteSwapped
    }

    var opcode: Opcode { Opcode(rawValue: self[0]) }

    /// Byte `index`, 0…15.
    subscript(index: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: index < 8 ? high >> UInt64(56 - 8 * index) : low >> UInt64(120 - 8 * index))
    }

    func bit(_ number: UInt8, of index: Int) -> Bool { self[index] >> number & 1 != 0 }

    /// Two bytes.
    func word(_ index: Int) -> UInt16 { UInt16(self[index]) << 8 | UInt16(self[index + 1]) }
    /// Four bytes.
    func long(_ index: Int) -> UInt32 { UInt32(word(index)) << 16 | UInt32(word(index + 2)) }
    /// Eight bytes.
    func quad(_ index: Int) -> UInt64 { UInt64(long(index)) << 32 | UInt64(long(index + 4)) }
}

/// Operation codes (SPC-4, SBC-3, MMC-6).
struct Opcode: RawRepresentable, Hashable, Sendable {
    let rawValue: UInt8
    init(rawValue: UInt8) { self.rawValue = rawValue }
    private init(_ value: UInt8) { rawValue = value }

    static let testUnitReady = Opcode(0x00)
    static let requestSense = Opcode(0x03)
    static let read6 = Opcode(0x08)
    static let write6 = Opcode(0x0A)
    static let inquiry = Opcode(0x12)
    static let modeSense6 = Opcode(0x1A)
    static let startStopUnit = Opcode(0x1B)
    static let preventAllow = Opcode(0x1E)
    static let readCapacity10 = Opcode(0x25)
    static let read10 = Opcode(0x28)
    static let write10 = Opcode(0x2A)
    static let writeAndVerify10 = Opcode(0x2E)
    static let verify10 = Opcode(0x2F)
    static let synchronizeCache10 = Opcode(0x35)
    static let writeSame10 = Opcode(0x41)
    static let unmap = Opcode(0x42)
    static let readTOC = Opcode(0x43)
    static let getConfiguration = Opcode(0x46)
    static let getEventStatus = Opcode(0x4A)
    static let readDiscInformation = Opcode(0x51)
    static let readTrackInformation = Opcode(0x52)
    static let modeSense10 = Opcode(0x5A)
    static let read16 = Opcode(0x88)
    static let write16 = Opcode(0x8A)
    static let writeAndVerify16 = Opcode(0x8E)
    static let verify16 = Opcode(0x8F)
    static let synchronizeCache16 = Opcode(0x91)
    static let writeSame16 = Opcode(0x93)
    /// SERVICE ACTION IN (16); action 0x10 is READ CAPACITY (16).
    static let serviceActionIn16 = Opcode(0x9E)
    static let reportLUNs = Opcode(0xA0)
    /// Action 0x0C is REPORT SUPPORTED OPERATION CODES.
    static let maintenanceIn = Opcode(0xA3)
    static let read12 = Opcode(0xA8)
    static let write12 = Opcode(0xAA)
    static let writeAndVerify12 = Opcode(0xAE)
    static let verify12 = Opcode(0xAF)
    static let mechanismStatus = Opcode(0xBD)

    /// READ and WRITE in all lengths.
    var isTransfer: Bool {
        switch self {
        case .read6, .read10, .read12, .read16, .write6, .write10, .write12, .write16: true
        default: false
        }
    }

    /// Service action of READ CAPACITY (16).
    static let readCapacity16Action: UInt8 = 0x10
    /// Service action of REPORT SUPPORTED OPERATION CODES.
    static let reportOpcodesAction: UInt8 = 0x0C
}
