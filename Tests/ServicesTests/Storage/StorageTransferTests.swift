import Basics
import DeviceModel
import Services
import Storage
import Testing

/// Reading, writing, flushing, and what the host's failures become.
@Suite struct TransferTests {
    private func guest(_ disk: MemoryDisk) throws -> StorageGuest {
        try StorageGuest([3: ScsiDisk(disk, fallbackIdentifier: [1])])
    }

    private static func bytes(_ count: Int, seed: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ seed &+ $0 / 251) }
    }

    @Test func everyFormOfReadAndWrite() throws {
        let disk = MemoryDisk(sectors: 600)
        let guest = try guest(disk)
        let forms: [(write: ([UInt8]), read: [UInt8], first: Int, count: Int)] = [
            (ScsiBlocks.transfer6(0x0A, 10, 3), ScsiBlocks.transfer6(0x08, 10, 3), 10, 3),
            (ScsiBlocks.transfer6(0x0A, 1, 0), ScsiBlocks.transfer6(0x08, 1, 0), 1, 256),
            (ScsiBlocks.transfer10(0x2A, 20, 4), ScsiBlocks.transfer10(0x28, 20, 4), 20, 4),
            (ScsiBlocks.transfer12(0xAA, 30, 5), ScsiBlocks.transfer12(0xA8, 30, 5), 30, 5),
            (ScsiBlocks.transfer16(0x8A, 599, 1), ScsiBlocks.transfer16(0x88, 599, 1), 599, 1),
            (ScsiBlocks.transfer10(0x2E, 50, 2), ScsiBlocks.transfer10(0x28, 50, 2), 50, 2),
        ]
        for (seed, form) in forms.enumerated() {
            let data = Self.bytes(form.count * 512, seed: seed)
            let written = try #require(guest.write(form.write, data, lun: 3, run: 4096))
            #expect(written.isGood && written.transferred == data.count)
            #expect(Array(disk.bytes[form.first * 512..<(form.first + form.count) * 512]) == data)
            let read = try #require(guest.read(form.read, length: data.count, lun: 3, run: 1000))
            #expect(read.isGood && read.transferred == data.count && read.data == data)
        }
        #expect(disk.flushes == 1)
    }

    @Test func dataGoesWithoutACopyInOneCall() throws {
        let disk = MemoryDisk(sectors: 4096)
        let guest = try guest(disk)
        #expect(guest.read(ScsiBlocks.transfer10(0x28, 0, 2048), length: 1 << 20, lun: 3, run: 4096)?.isGood == true)
        #expect(disk.segmentCounts == [256])
    }

    @Test func flushes() throws {
        let disk = MemoryDisk(sectors: 64)
        let guest = try guest(disk)
        #expect(guest.read(ScsiBlocks.synchronize, length: 0, lun: 3)?.isGood == true)
        #expect(guest.read(ScsiBlocks.transfer16(0x91, 0, 0), length: 0, lun: 3)?.isGood == true)
        #expect(disk.flushes == 2)
        #expect(guest.write(ScsiBlocks.transfer10(0x2A, 0, 1, flags: 8), Self.bytes(512, seed: 1), lun: 3)?.isGood == true)
        #expect(disk.flushes == 3)
        #expect(guest.write(ScsiBlocks.transfer10(0x2A, 0, 1), Self.bytes(512, seed: 1), lun: 3)?.isGood == true)
        #expect(disk.flushes == 3)
        #expect(guest.read(ScsiBlocks.transfer10(0x35, 65, 0), length: 0, lun: 3)?.reason == .addressOutOfRange)
    }

    @Test func aShorterTransferThanTheBuffer() throws {
        let disk = MemoryDisk(sectors: 64)
        disk.bytes = Self.bytes(disk.bytes.count, seed: 9)
        let guest = try guest(disk)
        let reply = try #require(guest.read(ScsiBlocks.transfer10(0x28, 2, 3), length: 8192, lun: 3, run: 1000))
        #expect(reply.isGood && reply.transferred == 1536)
        #expect(Array(reply.data[..<1536]) == Array(disk.bytes[1024..<2560]) && reply.data[1536...].allSatisfy { $0 == 0 })
    }

    @Test func badTransfers() throws {
        let disk = MemoryDisk(sectors: 64)
        let guest = try guest(disk)
        func read(_ cdb: [UInt8], _ length: Int = 512) -> SenseData? { guest.read(cdb, length: length, lun: 3)?.reason }
        #expect(read(ScsiBlocks.transfer10(0x28, 64, 1)) == .addressOutOfRange)
        #expect(read(ScsiBlocks.transfer10(0x28, 63, 2), 1024) == .addressOutOfRange)
        #expect(read(ScsiBlocks.transfer16(0x88, .max, 1)) == .addressOutOfRange)
        #expect(read(ScsiBlocks.transfer16(0x88, .max, 0xFFFF_FFFF)) == .addressOutOfRange)
        #expect(read(ScsiBlocks.transfer16(0x88, 1 << 55, 1)) == .addressOutOfRange)
        #expect(read(ScsiBlocks.transfer10(0x28, 0, 2)) == .invalidFieldInBlock)
        #expect(read(ScsiBlocks.transfer10(0x28, 0, 1, flags: 0x20)) == .invalidFieldInBlock)
        #expect(guest.write(ScsiBlocks.transfer10(0x28, 0, 1), Self.bytes(512, seed: 0), lun: 3)?.reason == .invalidFieldInBlock)
        #expect(guest.read(ScsiBlocks.transfer10(0x28, 64, 0), length: 0, lun: 3)?.isGood == true)
        disk.isReadOnly = true
        #expect(guest.write(ScsiBlocks.transfer10(0x2A, 0, 1), Self.bytes(512, seed: 0), lun: 3)?.reason == .writeProtected)
    }

    @Test func lengthsThatLie() throws {
        let guest = try guest(MemoryDisk(sectors: 8192))
        let ranges = StorageGuest.ranges(1024)
        for length in [1025, 4096, 1 << 20 + 1, 0x7FFF_FFFF, 0xFFFF_FFFF] {
            var request = StorageGuest.request(ScsiBlocks.transfer10(0x28, 0, 2), length: 0, direction: 1, lun: 3)
            request.setLittleEndian(UInt32(length), at: 24)
            let reply = try #require(guest.push(request, ranges: ranges))
            #expect(reply[14] == 0x06 && reply.little(24, as: UInt32.self) == 0)
        }
        let many = (0..<1025).map { GuestRange(address: StorageGuest.buffer + UInt64($0) * 8192, count: 512) }
        let request = StorageGuest.request(ScsiBlocks.transfer10(0x28, 0, 1025), length: 1025 * 512, direction: 1, lun: 3)
        #expect(guest.push(request, ranges: many)?[14] == 0x06)
        for length: UInt8 in [0, 17, 255] {
            var request = StorageGuest.request(ScsiBlocks.testUnitReady, length: 0, direction: 2, lun: 3)
            request[20] = length
            #expect(guest.push(request)?[14] == 0x06)
        }
    }

    @Test func failuresOfTheHostBecomeSense() throws {
        let disk = MemoryDisk(sectors: 64)
        let guest = try guest(disk)
        disk.readFailure = DiskError(.failed, "The host cannot read.")
        #expect(guest.read(ScsiBlocks.transfer10(0x28, 0, 1), length: 512, lun: 3)?.reason == .readError)
        disk.readFailure = DiskError(.damaged, "The image contradicts itself.")
        #expect(guest.read(ScsiBlocks.transfer10(0x28, 0, 1), length: 512, lun: 3)?.reason == .internalFailure)
        disk.writeFailure = DiskError(.failed, "The host cannot write.")
        #expect(guest.write(ScsiBlocks.transfer10(0x2A, 0, 1), Self.bytes(512, seed: 0), lun: 3)?.reason == .writeError)
        disk.flushFailure = DiskError(.failed, "The host cannot flush.")
        #expect(guest.read(ScsiBlocks.synchronize, length: 0, lun: 3)?.reason == .writeError)
        #expect(guest.troubles.first == "The disk at location 3: The host cannot read.")
        for _ in 0..<50 { _ = guest.read(ScsiBlocks.synchronize, length: 0, lun: 3) }
        #expect(guest.troubles.count == 5)
        #expect(guest.controller.targets[3]?.counters.snapshot.errors == 54)
    }

    @Test func counters() throws {
        let guest = try guest(MemoryDisk(sectors: 64))
        _ = guest.write(ScsiBlocks.transfer10(0x2A, 0, 4), Self.bytes(2048, seed: 0), lun: 3)
        _ = guest.read(ScsiBlocks.transfer10(0x28, 0, 2), length: 1024, lun: 3)
        _ = guest.read(ScsiBlocks.transfer10(0x28, 0, 1), length: 512, lun: 3)
        _ = guest.read(ScsiBlocks.synchronize, length: 0, lun: 3)
        let counters = try #require(guest.controller.targets[3]?.counters.snapshot)
        #expect(counters.reads == 2 && counters.bytesRead == 1536 && counters.writes == 1 && counters.bytesWritten == 2048)
        #expect(counters.flushes == 1 && counters.errors == 0)
    }

    @Test(arguments: [512, 4096]) func randomCommandsAgreeWithAModel(_ sector: Int) throws {
        var generator = StorageRandom(seed: 0x5C51 + UInt64(sector))
        let sectors = 1000
        let disk = MemoryDisk(sectors: sectors, sectorSize: sector)
        disk.discardBlock = 16384
        let guest = try guest(disk)
        var model = disk.bytes
        for step in 0..<1500 {
            let first = Int.random(in: 0..<sectors, using: &generator)
            let count = Int.random(in: 1...min(sectors - first, 40), using: &generator)
            let (low, high) = (first * sector, (first + count) * sector)
            let run = Bool.random(using: &generator) ? 4096 : Int.random(in: 300...9000, using: &generator)
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<4:
                let data = Self.bytes(count * sector, seed: step)
                #expect(guest.write(ScsiBlocks.transfer16(0x8A, UInt64(first), count), data, lun: 3, run: run)?.isGood == true)
                model.replaceSubrange(low..<high, with: data)
            case 4..<8:
                let reply = try #require(
                    guest.read(ScsiBlocks.transfer10(0x28, UInt64(first), count), length: count * sector, lun: 3, run: run))
                #expect(reply.isGood && reply.data == Array(model[low..<high]))
            case 8:
                let fill = UInt8(step & 1) * 0x5A
                let data = [UInt8](repeating: fill, count: sector)
                #expect(guest.write(ScsiBlocks.transfer16(0x93, UInt64(first), count, flags: 8), data, lun: 3)?.isGood == true)
                for position in low..<high { model[position] = fill }
            default:
                #expect(guest.read(ScsiBlocks.synchronize, length: 0, lun: 3)?.isGood == true)
            }
        }
        #expect(disk.bytes == model)
    }
}

/// The same numbers in every run.
struct StorageRandom: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
