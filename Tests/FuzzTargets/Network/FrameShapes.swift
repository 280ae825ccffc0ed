/// Ethernet frames that a case's bytes choose: nearly right, so that parsers get far.
enum FrameShapes {
    static func frame(_ input: inout FuzzInput) -> [UInt8] {
        let kind = input.choice(8)
        let number: UInt8 = input.pick([6, 17, 1, 58, 6, 6])
        let count = Int(input.byte()) << (input.choice(4) == 3 ? 6 : 0)
        let addresses: [UInt8] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]
        func payload(_ input: inout FuzzInput) -> [UInt8] {
            let taken = input.take(min(count, 64))
            return taken + [UInt8](repeating: 0x5A, count: max(0, count - taken.count))
        }
        var frame: [UInt8]
        switch kind {
        case 0: return payload(&input)
        case 1, 2: frame = addresses + [8, 0] + version4(number, transport(number) + payload(&input))
        case 3: frame = addresses + [0x86, 0xDD] + version6(number, transport(number) + payload(&input))
        case 4: frame = addresses + [0x86, 0xDD] + version6(0, [number, 0, 1, 4, 0, 0, 0, 0] + transport(number) + payload(&input))
        case 5: frame = [UInt8](repeating: 255, count: 6) + addresses.suffix(6) + [8, 6] + payload(&input)
        case 6: frame = addresses + [8, 0] + dhcp(payload(&input))
        default: frame = addresses + [0x81, 0, 0, 5, 8, 0] + version4(number, transport(number) + payload(&input))
        }
        for _ in 0..<Int(input.byte() & 3) { frame.overwrite(Int(input.byte()), with: [input.byte()]) }
        return frame
    }

    private static func transport(_ number: UInt8) -> [UInt8] {
        number == 6 ? [0x12, 0x34, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 0xFF, 0xFF, 0, 0, 0, 0] : [0x12, 0x34, 0, 53, 0, 8, 0, 0]
    }

    private static func version4(_ number: UInt8, _ body: [UInt8]) -> [UInt8] {
        let size = 20 + body.count
        return [
            0x45, 0, UInt8(truncatingIfNeeded: size >> 8), UInt8(truncatingIfNeeded: size), 0, 1, 0x40, 0, 64, number, 0, 0, 10, 0, 0, 1,
            10, 0, 0, 2,
        ]
            + body
    }

    private static func version6(_ number: UInt8, _ body: [UInt8]) -> [UInt8] {
        [0x60, 0, 0, 0, UInt8(truncatingIfNeeded: body.count >> 8), UInt8(truncatingIfNeeded: body.count), number, 64]
            + [UInt8](repeating: 0xFE, count: 16) + [UInt8](repeating: 0xFD, count: 16) + body
    }

    private static func dhcp(_ body: [UInt8]) -> [UInt8] {
        var packet = version4(17, [0, 67, 0, 68, 1, 44, 0, 0] + body)
        packet.overwrite(16, with: [255, 255, 255, 255])
        return packet
    }
}
