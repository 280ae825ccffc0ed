import DeviceModel
import Devices
import Testing

/// A medium in memory that does what a test says.
private final class FakeMedium: ATAMedium {
    let sectorSize: Int
    var physicalSectorSize: Int { 4096 }
    let sectorCount: UInt64
    var isReadOnly = false
    var serialNumber: String { "0123456789" }
    var content: [UInt8]
    var flushes = 0
    /// The answer from now on.
    var answer = ATAOutcome.done

    init(sectors: UInt64, sectorSize: Int = 512) {
        (sectorCount, self.sectorSize) = (sectors, sectorSize)
        content = [UInt8](repeating: 0, count: Int(sectors) * sectorSize)
    }

    func read(into bytes: inout [UInt8], at sector: UInt64) -> ATAOutcome {
        guard answer == .done else { return answer }
        let start = Int(sector) * sectorSize
        bytes = Array(content[start..<start + bytes.count])
        return .done
    }

    func write(_ bytes: [UInt8], at sector: UInt64) -> ATAOutcome {
        guard answer == .done else { return answer }
        let start = Int(sector) * sectorSize
        content.replaceSubrange(start..<start + bytes.count, with: bytes)
        return .done
    }

    func flush() -> ATAOutcome {
        if answer == .done { flushes += 1 }
        return answer
    }
}

/// A channel with two disks and a driver that moves data by programmed input and output, as a guest's does.
private final class Bench {
    static let busy: UInt8 = 0x80, ready: UInt8 = 0x50, data: UInt8 = 0x08, error: UInt8 = 0x01
    let line = RecordingLine()
    let master: FakeMedium
    let slave = FakeMedium(sectors: 300)
    let channel: ATAChannel

    init(sectorSize: Int = 512, hasSlave: Bool = true) {
        master = FakeMedium(sectors: 2000, sectorSize: sectorSize)
        channel = ATAChannel(interrupt: line)
        channel.attach(master, drive: 0)
        if hasSlave { channel.attach(slave, drive: 1) }
    }

    func read(_ offset: UInt16) -> UInt8 { UInt8(truncatingIfNeeded: channel.readPort(offset, size: 1)) }
    func write(_ offset: UInt16, _ value: UInt8) { channel.writePort(offset, size: 1, value: UInt32(value)) }
    var status: UInt8 { UInt8(truncatingIfNeeded: channel.controlBlock.readPort(0, size: 1)) }
    func control(_ value: UInt8) { channel.controlBlock.writePort(0, size: 1, value: UInt32(value)) }

    func command(_ code: UInt8, drive: Int = 0, sector: UInt64 = 0, count: Int = 0, features: UInt8 = 0, isExtended: Bool = false) {
        func byte(_ place: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: sector >> (8 * place)) }
        if isExtended {
            write(2, UInt8(truncatingIfNeeded: count >> 8))
            for place in UInt64(3)...5 { write(UInt16(place), byte(place)) }
        }
        write(1, features)
        write(2, UInt8(truncatingIfNeeded: count))
        for place in UInt64(0)...2 { write(UInt16(3 + place), byte(place)) }
        write(6, 0x40 | UInt8(drive) << 4 | (isExtended ? 0 : byte(3) & 15))
        write(7, code)
    }

    /// Takes blocks while there is data; the number of blocks is that of interrupts.
    func take(bytes block: Int, size: Int = 2) -> [UInt8] {
        var result: [UInt8] = []
        while status & Self.data != 0 {
            #expect(line.level, "each block is announced")
            _ = read(7)
            #expect(!line.level, "reading the status lets the line go")
            for _ in 0..<block / size {
                let value = channel.readPort(0, size: size)
                for place in 0..<size { result.append(UInt8(truncatingIfNeeded: value >> UInt32(8 * place))) }
            }
        }
        return result
    }

    func give(_ bytes: [UInt8], block: Int, size: Int = 2) {
        var rest = bytes[...]
        while !rest.isEmpty, status & Self.data != 0 {
            _ = read(7)
            for word in stride(from: 0, to: min(block, rest.count), by: size) {
                var value: UInt32 = 0
                for place in 0..<size { value |= UInt32(rest[rest.startIndex + word + place]) << UInt32(8 * place) }
                channel.writePort(0, size: size, value: value)
            }
            rest = rest.dropFirst(block)
        }
    }

    func identity(drive: Int = 0) -> [UInt16] {
        command(0xec, drive: drive)
        let bytes = take(bytes: 512)
        guard bytes.count == 512 else { return [] }
        return (0..<256).map { UInt16(bytes[2 * $0]) | UInt16(bytes[2 * $0 + 1]) << 8 }
    }
}

@Suite struct ATAChannelTests {
    @Test func tellsWhatItIs() {
        let bench = Bench()
        let words = bench.identity()
        #expect(words.count == 256)
        guard words.count == 256 else { return }
        #expect(words[0] & 0x8000 == 0)
        #expect(UInt32(words[60]) | UInt32(words[61]) << 16 == 2000)
        #expect(words[100] == 2000 && words[101] == 0)
        #expect(words[83] & 0xc000 == 0x4000 && words[83] & 1 << 10 != 0)
        #expect(words[59] == 0x0110)
        #expect(words[10] == 0x3031, "text begins in the upper byte")
        #expect(words[106] == 0x6003, "eight logical sectors in a physical one")
        let sum = words.reduce(UInt8(0)) { $0 &+ UInt8(truncatingIfNeeded: $1) &+ UInt8(truncatingIfNeeded: $1 >> 8) }
        #expect(sum == 0)
        let second = bench.identity(drive: 1)
        #expect(second.count == 256 && second[60] == 300)
    }

    /// Random stretches by random commands against a model that is an array.
    @Test(arguments: [512, 4096]) func keepsWhatIsWritten(sectorSize: Int) {
        let bench = Bench(sectorSize: sectorSize)
        var generator = Repeatable(state: UInt64(sectorSize))
        var model = bench.master.content
        let commands: [(read: UInt8, write: UInt8, isExtended: Bool, block: Int)] = [
            (0x20, 0x30, false, 1), (0x24, 0x34, true, 1), (0xc4, 0xc5, false, 16), (0x29, 0x39, true, 16),
        ]
        for _ in 0..<60 {
            let way = commands[Int.random(in: 0..<4, using: &generator)]
            let count = Int.random(in: 1...40, using: &generator)
            let sector = UInt64.random(in: 0...2000 - UInt64(count), using: &generator)
            let size = Bool.random(using: &generator) ? 2 : 4
            let range = Int(sector) * sectorSize..<(Int(sector) + count) * sectorSize
            if Bool.random(using: &generator) {
                let bytes = (0..<range.count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
                bench.command(way.write, sector: sector, count: count, isExtended: way.isExtended)
                #expect(!bench.line.level, "the first block of a write is asked for without an interrupt")
                bench.give(bytes, block: way.block * sectorSize, size: size)
                model.replaceSubrange(range, with: bytes)
                #expect(bench.line.level)
            } else {
                bench.command(way.read, sector: sector, count: count, isExtended: way.isExtended)
                // The last block may be shorter.
                var got: [UInt8] = []
                while bench.status & Bench.data != 0 {
                    let block = min(way.block * sectorSize, range.count - got.count)
                    _ = bench.read(7)
                    for _ in 0..<block / size {
                        let value = bench.channel.readPort(0, size: size)
                        for place in 0..<size { got.append(UInt8(truncatingIfNeeded: value >> UInt32(8 * place))) }
                    }
                }
                #expect(got == Array(model[range]))
                #expect(!bench.line.level, "the last block ends the command")
            }
            #expect(bench.read(7) == Bench.ready)
        }
        #expect(bench.master.content == model)
    }

    @Test func aCountOfZeroIsTheMost() {
        let bench = Bench()
        bench.command(0x20, sector: 0, count: 0)
        #expect(bench.take(bytes: 512).count == 256 * 512)
        bench.command(0x24, sector: 0, count: 0, isExtended: true)
        #expect(bench.read(7) == Bench.ready | Bench.error, "65536 sectors are more than it has")
        #expect(bench.read(1) == 0x10)
    }

    @Test func whatItCannotDoIsAnError() {
        let bench = Bench()
        for code: UInt8 in [0x00, 0x08, 0xa0, 0xa1, 0xc8, 0xca, 0x25, 0x35, 0xb0, 0xf8, 0xff] {
            bench.command(code)
            #expect(bench.line.level)
            #expect(bench.read(7) == Bench.ready | Bench.error, "command \(code)")
            #expect(bench.read(1) == 0x04)
        }
        bench.command(0x20, sector: 1999, count: 2)
        #expect(bench.read(7) & Bench.error != 0 && bench.read(1) == 0x10)
        bench.command(0x34, sector: 1 << 40, count: 1, isExtended: true)
        #expect(bench.read(7) & Bench.error != 0 && bench.read(1) == 0x10)
        bench.master.isReadOnly = true
        bench.command(0x30, sector: 0, count: 1)
        #expect(bench.read(7) & Bench.error != 0 && bench.read(1) == 0x44)
        bench.command(0xc6, count: 3)
        #expect(bench.read(7) & Bench.error != 0)
        bench.command(0xc6, count: 0)
        bench.command(0xc4, sector: 0, count: 1)
        #expect(bench.read(7) & Bench.error != 0, "blocks are off")
        bench.command(0xef, count: 0x45, features: 3)
        #expect(bench.read(7) & Bench.error != 0, "there is no DMA")
        bench.command(0xef, count: 0x0c, features: 3)
        #expect(bench.read(7) == Bench.ready)
    }

    @Test func troubleOfTheHostNamesTheSector() {
        let bench = Bench()
        bench.master.answer = .failed
        bench.command(0x20, sector: 0x345, count: 4)
        #expect(bench.read(7) & Bench.error != 0 && bench.read(1) == 0x40)
        #expect([bench.read(3), bench.read(4), bench.read(5)] == [0x45, 0x03, 0])
        bench.master.answer = .done
        bench.command(0x30, sector: 7, count: 2)
        bench.give([UInt8](repeating: 1, count: 512), block: 512)
        bench.master.answer = .failed
        bench.give([UInt8](repeating: 2, count: 512), block: 512)
        #expect(bench.read(7) & Bench.error != 0 && bench.read(1) == 0x04)
        #expect(bench.read(3) == 8)
        bench.command(0xe7)
        #expect(bench.read(7) & Bench.error != 0)
    }

    @Test func writesAreDurableWhenTheyShallBe() {
        let bench = Bench()
        bench.command(0x30, sector: 0, count: 1)
        bench.give([UInt8](repeating: 1, count: 512), block: 512)
        #expect(bench.master.flushes == 0)
        bench.command(0xea)
        #expect(bench.master.flushes == 1)
        bench.command(0xef, features: 0x82)
        bench.command(0x30, sector: 0, count: 1)
        bench.give([UInt8](repeating: 2, count: 512), block: 512)
        #expect(bench.master.flushes == 2)
        #expect(bench.identity()[85] & 0x20 == 0)
    }

    @Test func aFullHostKeepsItBusyUntilThereIsRoom() throws {
        let bench = Bench()
        bench.command(0x30, sector: 3, count: 2)
        bench.master.answer = .full
        bench.give([UInt8](repeating: 9, count: 512), block: 512)
        #expect(bench.status == Bench.busy && bench.channel.isHolding && !bench.line.level)
        bench.command(0x20, sector: 0, count: 1)
        #expect(bench.status == Bench.busy, "it takes no command")
        bench.channel.resume()
        #expect(bench.channel.isHolding)
        let saved = try bench.channel.savedUnit()
        let other = Bench()
        try other.channel.restore(from: saved)
        other.channel.resume()
        #expect(!other.channel.isHolding && other.line.level)
        other.give([UInt8](repeating: 8, count: 512), block: 512)
        #expect(other.read(7) == Bench.ready)
        #expect(other.master.content[3 * 512] == 9 && other.master.content[4 * 512] == 8)
        bench.control(4)
        bench.control(0)
        #expect(!bench.channel.isHolding && bench.status == Bench.ready)
    }

    @Test func aResetInTheMiddleLeavesTheSignature() {
        let bench = Bench()
        bench.command(0x30, drive: 1, sector: 0, count: 2)
        bench.channel.writePort(0, size: 2, value: 0xffff)
        bench.control(4)
        #expect(bench.status == Bench.busy)
        bench.control(0)
        #expect(bench.read(7) == Bench.ready)
        #expect((UInt16(1)...5).map { bench.read($0) } == [1, 1, 1, 0, 0])
        #expect(bench.read(6) & 0x10 == 0)
        #expect(bench.slave.content.allSatisfy { $0 == 0 })
        bench.write(6, 0x10)
        bench.write(7, 0x90)
        #expect(bench.line.level && bench.read(1) == 1 && bench.read(6) & 0x10 == 0)
    }

    @Test func anEmptyDriveIsNotThere() {
        let bench = Bench(hasSlave: false)
        bench.write(6, 0x10)
        bench.write(2, 0x55)
        #expect(bench.read(2) == 0 && bench.read(7) == 0)
        bench.write(7, 0xec)
        #expect(bench.status == 0 && !bench.line.level)
        let nothing = ATAChannel(interrupt: RecordingLine())
        #expect(nothing.readPort(7, size: 1) == 0xff)
        nothing.writePort(7, size: 1, value: 0x90)
        #expect(nothing.controlBlock.readPort(0, size: 1) == 0xff)
    }

    @Test func interruptsMayBeTurnedOff() {
        let bench = Bench()
        bench.control(2)
        bench.command(0xe7)
        #expect(!bench.line.level)
        bench.control(0)
        #expect(bench.line.level)
        bench.write(6, 0x10)
        #expect(!bench.line.level, "the other drive drives the line now")
        bench.write(6, 0)
        _ = bench.read(7)
        #expect(!bench.line.level)
    }

    @Test func goesOnInTheMiddleOfATransfer() throws {
        let bench = Bench()
        for place in bench.master.content.indices { bench.master.content[place] = UInt8(truncatingIfNeeded: place / 3) }
        bench.command(0xc4, sector: 5, count: 40)
        for _ in 0..<5000 { _ = bench.channel.readPort(0, size: 2) }
        let other = Bench()
        other.master.content = bench.master.content
        try other.channel.restore(from: try bench.channel.savedUnit())
        let rest = (5000..<40 * 256).map { _ in UInt16(truncatingIfNeeded: other.channel.readPort(0, size: 2)) }
        for (number, word) in rest.enumerated() {
            let place = 5 * 512 + 2 * (5000 + number)
            guard word == UInt16(other.master.content[place]) | UInt16(other.master.content[place + 1]) << 8 else {
                Issue.record("word \(number) is another")
                break
            }
        }
        #expect(other.read(7) == Bench.ready)
    }

    @Test func impossibleStatesAreRefused() throws {
        let bench = Bench(hasSlave: false)
        bench.command(0x24, sector: 10, count: 2, isExtended: true)
        let saved = try bench.channel.savedUnit()
        #expect(throws: Never.self) { try Bench().channel.restore(from: saved) }
        for (old, new) in [
            (#""position":0"#, #""position":512"#), (#""position":0"#, #""position":-1"#), (#""remaining":2"#, #""remaining":0"#),
            (#""remaining":2"#, #""remaining":60000"#), (#""sector":10"#, #""sector":18446744073709551615"#),
            (#""drive":0"#, #""drive":1"#), (#""drive":0"#, #""drive":-1"#), (#""block":1"#, #""block":2"#),
            (#""multiple":16"#, #""multiple":17"#),
        ] {
            var bent = saved
            bent.payload = saved.payload.replacing(old, with: new)
            #expect(bent.payload != saved.payload, "\(old)")
            #expect(throws: StateError.self, "\(new)") { try Bench(hasSlave: false).channel.restore(from: bent) }
        }
    }

    /// Whatever a guest writes, the device stays within itself.
    @Test func survivesNoise() throws {
        var generator = Repeatable(state: 7)
        let bench = Bench()
        for _ in 0..<60_000 {
            let size = [1, 2, 4][Int.random(in: 0..<3, using: &generator)]
            let offset = UInt16.random(in: 0..<8, using: &generator)
            switch Int.random(in: 0..<20, using: &generator) {
            case 0: bench.control(UInt8.random(in: .min ... .max, using: &generator))
            case 1...9: _ = bench.channel.readPort(offset, size: size)
            default: bench.channel.writePort(offset, size: size, value: UInt32.random(in: .min ... .max, using: &generator))
            }
        }
        try Bench().channel.restore(from: try bench.channel.savedUnit())
        bench.control(4)
        bench.control(0)
        #expect(bench.identity().count == 256)
    }
}

/// Random numbers that are the same each time (SplitMix64).
private struct Repeatable: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
