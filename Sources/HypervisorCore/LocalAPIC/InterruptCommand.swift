import DeviceModel

/// What a local APIC, an IOAPIC or the hypervisor sends to local APICs (SDM vol. 3, 11.6.1 and 11.11).
package struct InterruptCommand: Equatable, Sendable {
    /// The delivery mode field; other encodings are reserved.
    package enum Mode: UInt8, Codable, Sendable {
        case fixed = 0
        case lowestPriority = 1
        case systemManagement = 2
        case nonMaskable = 4
        case initialise = 5
        case startUp = 6
        case external = 7
    }
    package enum Shorthand: UInt8, Sendable {
        case none = 0
        case own, all, allButOwn
    }

    package var vector: UInt8
    package var mode: Mode
    package var isLogical = false
    package var isLevel = false
    /// false: INIT level de-assert, which does nothing since the Pentium 4.
    package var isAssert = true
    package var shorthand = Shorthand.none
    /// 8 bits, or 32 with `isWide`.
    package var destination: UInt32 = 0
    /// True for commands of the x2APIC format.
    package var isWide = false

    package init(vector: UInt8, mode: Mode = .fixed, destination: UInt32 = 0) {
        (self.vector, self.mode, self.destination) = (vector, mode, destination)
    }

    /// The interrupt command register; nil where the delivery mode is reserved.
    init?(register: UInt64, isWide: Bool) {
        guard let mode = Mode(rawValue: UInt8(register >> 8 & 7)), let shorthand = Shorthand(rawValue: UInt8(register >> 18 & 3))
        else { return nil }
        vector = UInt8(register & 0xff)
        self.mode = mode
        isLogical = register & 1 << 11 != 0
        isAssert = register & 1 << 14 != 0
        isLevel = register & 1 << 15 != 0
        self.shorthand = shorthand
        self.isWide = isWide
        destination = isWide ? UInt32(register >> 32) : UInt32(register >> 56)
    }

    /// A message-signalled interrupt; nil where the address is not the APICs' or the delivery mode is reserved.
    init?(message: InterruptMessage) {
        guard message.address >> 20 == 0xfee, let mode = Mode(rawValue: UInt8(message.data >> 8 & 7)) else { return nil }
        vector = UInt8(message.data & 0xff)
        self.mode = mode
        destination = UInt32(message.address >> 12 & 0xff)
        isLogical = message.address & 1 << 2 != 0
        isLevel = message.data & 1 << 15 != 0
        isAssert = !isLevel || message.data & 1 << 14 != 0
    }

    var isBroadcast: Bool { destination == (isWide ? 0xffff_ffff : 0xff) }
}
