import Basics
import DeviceModel
import Services
import Storage
import Testing

/// A guest that sends whatever it likes: every packet is answered, nothing traps, and the disk's bounds hold.
@Suite struct StorageHostileGuestTests {
    private func guest() throws -> (StorageGuest, MemoryDisk) {
        let disk = MemoryDisk(sectors: 512)
        let medium = MemoryDisk(sectors: 64, sectorSize: 2048)
        medium.isReadOnly = true
        let guest = try StorageGuest([0: ScsiDisk(disk, fallbackIdentifier: [1, 2, 3]), 1: ScsiDVD(medium), 2: ScsiDVD(nil)])
        return (guest, disk)
    }

    /// Runs in guest RAM as the bus hands them over, of any length and number.
    private func ranges(_ generator: inout StorageRandom) -> [GuestRange] {
        (0..<Int.random(in: 0...6, using: &generator)).map { _ in
            let address = UInt64.random(in: 0..<(15 << 20), using: &generator)
            return GuestRange(
                address: address, count: Int.random(in: 0...(Bool.random(using: &generator) ? 600 : 200_000), using: &generator))
        }
    }

    @Test func randomCommandBlocks() throws {
        var generator = StorageRandom(seed: 0xCDB)
        let (guest, _) = try guest()
        let known: [UInt8] = [
            0x00, 0x03, 0x08, 0x0A, 0x12, 0x1A, 0x1B, 0x1E, 0x25, 0x28, 0x2A, 0x2E, 0x2F, 0x35, 0x41, 0x42, 0x43, 0x46, 0x4A, 0x51, 0x52,
            0x5A, 0x88, 0x8A, 0x8E, 0x8F, 0x91, 0x93, 0x9E, 0xA0, 0xA3, 0xA8, 0xAA, 0xAE, 0xAF, 0xBD,
        ]
        for step in 0..<20_000 {
            var cdb = (0..<16).map { _ in
                Bool.random(using: &generator) ? UInt8.random(in: 0...255, using: &generator) : UInt8.random(in: 0...2, using: &generator)
            }
            if step % 8 != 0 { cdb[0] = known[Int.random(in: 0..<known.count, using: &generator)] }
            let ranges = ranges(&generator)
            let room = ranges.reduce(0) { $0 + $1.count }
            let length = Int.random(in: 0...3, using: &generator) == 0 ? Int.random(in: 0...1 << 21, using: &generator) : room
            var request = StorageGuest.request(
                cdb, length: length, direction: UInt8.random(in: 0...3, using: &generator), lun: Int.random(in: 0...3, using: &generator),
                target: step % 50 == 0 ? 1 : 0)
            if step % 20 == 0 { request[20] = UInt8.random(in: 0...255, using: &generator) }
            request[21] = UInt8.random(in: 0...255, using: &generator)
            let answer = try #require(guest.push(request, ranges: ranges))
            #expect(answer.count == 64 && answer.little(0, as: UInt32.self) == 1)
            #expect(Int(answer.little(24, as: UInt32.self)) <= max(room, 0))
            #expect(answer[21] <= 20)
        }
    }

    @Test func randomPackets() throws {
        var generator = StorageRandom(seed: 0x5708)
        for _ in 0..<40 {
            let (guest, _) = try guest()
            for _ in 0..<200 {
                var payload = (0..<Int.random(in: 0...80, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) }
                if payload.count >= 4, Bool.random(using: &generator) {
                    payload.setLittleEndian(UInt32.random(in: 0...16, using: &generator), at: 0)
                }
                let answer = try #require(guest.push(payload, ranges: ranges(&generator)))
                #expect(answer.count == 64)
            }
        }
    }

    @Test func randomPacketsInEveryStateOfNegotiation() throws {
        var generator = StorageRandom(seed: 0xB06)
        for _ in 0..<300 {
            let guest = try StorageGuest([0: ScsiDisk(MemoryDisk(sectors: 8), fallbackIdentifier: [])], initialised: false)
            #expect(guest.controller.opened(guest.channels[0], userData: []))
            for _ in 0..<30 {
                let operation = [7, 9, 10, 8, 13, 3, 4, 12][Int.random(in: 0..<8, using: &generator)]
                let body = (0..<52).map { _ in UInt8.random(in: 0...255, using: &generator) }
                let version: [UInt8] = [0x02, 0x06]
                #expect(guest.control(UInt32(operation), body: operation == 9 ? version : body) != nil)
            }
        }
    }

    @Test func rangesOutsideOfMemoryAreRefused() throws {
        let (guest, disk) = try guest()
        for address: UInt64 in [16 << 20, (16 << 20) - 100, 3 << 30, .max - 100, .max] {
            let outside = [GuestRange(address: StorageGuest.buffer, count: 256), GuestRange(address: address, count: 256)]
            for (cdb, direction) in [(ScsiBlocks.transfer10(0x28, 0, 1), UInt8(1)), (ScsiBlocks.transfer10(0x2A, 0, 1), 0)] {
                let answer = try #require(guest.push(StorageGuest.request(cdb, length: 512, direction: direction), ranges: outside))
                #expect(answer[14] == 0x84)
            }
        }
        #expect(disk.bytes.allSatisfy { $0 == 0 })
    }

    @Test func aLongQueueIsServedInTurns() throws {
        let (guest, _) = try guest()
        let numbers = (0..<500).map { _ in guest.enqueue(StorageGuest.request(ScsiBlocks.testUnitReady, length: 0, direction: 2)) }
        guest.controller.ringChanged(guest.channels[0])
        #expect(guest.channels[0].outgoing.count == 64 && guest.channels[0].flushes == 4)
        guest.pump.run()
        for number in numbers { #expect(guest.take(number)?[14] == 1) }
    }
}
