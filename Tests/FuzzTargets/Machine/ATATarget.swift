import DeviceModel
import Devices

extension FuzzTarget {
    /// A guest's accesses to the registers and data of an ATA channel with two disks, which may fail and have no room.
    static let ataChannel = FuzzTarget(
        "ata", "accesses of an ATA channel's ports, and what becomes of its disks", maximumLength: 2048, seeds: ATACase.programs
    ) { ATACase().run($0) }

    /// Saved states of an ATA channel, changed by somebody who can write the file, and a guest that goes on with them.
    static let ataStates = FuzzTarget("ata-states", "an ATA channel's saved state as text", maximumLength: 8192, seeds: ATACase.states) {
        ATACase().run(state: String(decoding: $0, as: UTF8.self))
    }
}

/// A disk in memory; what lies outside it traps.
private final class FuzzMedium: ATAMedium {
    let sectorSize: Int
    let physicalSectorSize = 4096
    let sectorCount: UInt64
    let isReadOnly = false
    let serialNumber = "fuzz"
    var answer = ATAOutcome.done
    private var content: [UInt8]

    init(sectors: UInt64, sectorSize: Int) {
        (sectorCount, self.sectorSize) = (sectors, sectorSize)
        content = [UInt8](repeating: 0, count: Int(sectors) * sectorSize)
    }

    private func range(_ count: Int, at sector: UInt64) -> Range<Int> {
        promise(count > 0 && count % sectorSize == 0, "whole sectors")
        let start = Int(sector) * sectorSize
        return start..<start + count
    }

    func read(into bytes: inout [UInt8], at sector: UInt64) -> ATAOutcome {
        if answer == .done { bytes = Array(content[range(bytes.count, at: sector)]) }
        return answer
    }

    func write(_ bytes: [UInt8], at sector: UInt64) -> ATAOutcome {
        if answer == .done { content.replaceSubrange(range(bytes.count, at: sector), with: bytes) }
        return answer
    }

    func flush() -> ATAOutcome { answer }
}

private final class FuzzLine: InterruptLine {
    func set(_ level: Bool) {}
}

private final class ATACase {
    private static let limit = 4096
    private let media = [FuzzMedium(sectors: 600, sectorSize: 512), FuzzMedium(sectors: 20, sectorSize: 4096)]
    private let channel: ATAChannel

    init() { channel = Self.channel(media) }

    private static func channel(_ media: [FuzzMedium]) -> ATAChannel {
        let channel = ATAChannel(interrupt: FuzzLine())
        for (drive, medium) in media.enumerated() { channel.attach(medium, drive: drive) }
        return channel
    }

    func run(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        for _ in 0..<Self.limit where !input.isEmpty { step(&input) }
        checkState()
    }

    func run(state: String) {
        guard (try? channel.restore(from: UnitState(name: channel.unitName, version: ATAChannel.stateVersion, payload: state))) != nil
        else { return }
        channel.resume()
        for _ in 0..<600 { _ = channel.readPort(0, size: 4) }
        for _ in 0..<600 { channel.writePort(0, size: 4, value: .max) }
        channel.controlBlock.writePort(0, size: 1, value: 4)
        channel.controlBlock.writePort(0, size: 1, value: 0)
        checkState()
    }

    /// What a guest did can be saved, restored and saved alike.
    private func checkState() {
        let saved = try? channel.savedUnit()
        promise(saved != nil, "the channel can always be saved")
        let copy = Self.channel(media)
        promise(saved.flatMap { try? copy.restore(from: $0) } != nil, "what was saved can be restored")
        promise((try? copy.savedUnit()) == saved, "and is the same")
    }

    private func step(_ input: inout FuzzInput) {
        switch input.choice(8) {
        case 0: _ = channel.readPort(UInt16(input.choice(8)), size: 1 << input.choice(3))
        case 1: channel.writePort(UInt16(input.choice(8)), size: 1 << input.choice(3), value: input.interesting())
        case 2:
            let (size, count) = (input.flag() ? 4 : 2, Int(input.byte()) * 8)
            for _ in 0..<count { _ = channel.readPort(0, size: size) }
        case 3:
            let (size, count) = (input.flag() ? 4 : 2, Int(input.byte()) * 8)
            for _ in 0..<count { channel.writePort(0, size: size, value: 0x0102_0304) }
        case 4: channel.controlBlock.writePort(0, size: 1, value: UInt32(input.byte()))
        case 5:
            media[input.choice(2)].answer = input.pick([.done, .done, .failed, .full])
            channel.resume()
        default: command(&input)
        }
    }

    /// A command with its parameters, most of them possible.
    private func command(_ input: inout FuzzInput) {
        let codes: [UInt8] = [0x20, 0x24, 0xc4, 0x29, 0x30, 0x34, 0xc5, 0x39, 0x40, 0x42, 0xc6, 0xec, 0xe7, 0xef, 0x90, 0x91]
        let (count, sector, device) = (input.byte(), input.byte(), input.byte())
        for (offset, value) in [input.byte() & 0x87, count, sector, input.byte() & 2, 0, device | 0x40].enumerated() {
            channel.writePort(UInt16(offset) + 1, size: 1, value: UInt32(value))
        }
        channel.writePort(7, size: 1, value: UInt32(input.flag() ? input.pick(codes) : input.byte()))
    }

    // MARK: Seeds

    /// Each command on each drive, its data moved.
    static func programs() -> [[UInt8]] {
        [0, 0x10].flatMap { device in
            (0..<16).map { code in
                // Two sectors from the third on; reads, writes, and a disk without room in the middle.
                [6, 2, 3, device, 0, 0, 1, code, 2, 1, 8, 3, 1, 8, 5, 0, 3, 3, 1, 32, 5, 0, 0, 3, 1, 32]
            }
        }
    }

    static func states() -> [[UInt8]] {
        programs().compactMap { program in
            let made = ATACase()
            var input = FuzzInput(Array(program.prefix(11)))
            while !input.isEmpty { made.step(&input) }
            return (try? made.channel.savedUnit()).map { Array($0.payload.utf8) }
        }
    }
}
