import DeviceModel
import Services
import Storage
import Testing

/// Saved state: with a request that waits, with replies that found no room, and state that lies.
@Suite struct StorageStateTests {
    private static let full = DiskError(.full, "The host's file system is full.")

    private func restored(
        _ guest: StorageGuest, _ targets: [Int: any ScsiTarget], channels: Int = 1
    ) throws -> StorageGuest {
        let saved = try guest.controller.savedUnit()
        let other = try StorageGuest(targets, memory: guest.memory, initialised: false)
        other.channels = (0..<channels).map { StorageQueueChannel(index: $0) }
        for channel in other.channels { other.controller.reopened(channel) }
        try other.controller.restore(from: saved)
        return other
    }

    @Test func aReadyGuestGoesOn() throws {
        let disk = MemoryDisk(sectors: 64)
        let guest = try StorageGuest([0: ScsiDisk(disk, fallbackIdentifier: [])])
        #expect(guest.control(13, body: [1, 0]) == 0)
        let other = try restored(guest, [0: ScsiDisk(disk, fallbackIdentifier: [])], channels: 2)
        #expect(other.read(ScsiBlocks.testUnitReady, length: 0, channel: 1)?.isGood == true)
        #expect(other.control(13, body: [1, 0]) == 0xC000_000D)
        #expect(other.host.offeredSubChannels == [])
        #expect(try other.controller.savedUnit() == guest.controller.savedUnit())
    }

    @Test func negotiationGoesOn() throws {
        let guest = try StorageGuest([:], initialised: false)
        #expect(guest.controller.opened(guest.channels[0], userData: []))
        #expect(guest.control(7) == 0)
        let other = try restored(guest, [:])
        #expect(other.control(9, body: [0x02, 0x06]) == 0)
    }

    @Test func aWaitingRequestIsCarriedOutElsewhere() throws {
        let disk = MemoryDisk(sectors: 64)
        disk.writeFailure = Self.full
        let guest = try StorageGuest([7: ScsiDisk(disk, fallbackIdentifier: [])])
        let data = (0..<1536).map { UInt8(truncatingIfNeeded: $0 &* 3) }
        let request = guest.begin(ScsiBlocks.transfer10(0x2A, 9, 3), data, lun: 7, run: 700)
        guest.run()
        let roomy = MemoryDisk(sectors: 64)
        let other = try restored(guest, [7: ScsiDisk(roomy, fallbackIdentifier: [])])
        #expect(other.controller.isHoldingRequest && other.channels[0].outgoing.isEmpty)
        other.controller.resumeRequests()
        let reply = try #require(other.take(request.transaction))
        #expect(other.reply(reply, request.ranges).isGood)
        #expect(Array(roomy.bytes[9 * 512..<12 * 512]) == data)
    }

    @Test func repliesWithoutRoomAreKept() throws {
        let disk = MemoryDisk(sectors: 64)
        let guest = try StorageGuest([0: ScsiDisk(disk, fallbackIdentifier: [])])
        guest.channels[0].places = 0
        let numbers = (0..<3).map { _ in guest.enqueue(StorageGuest.request(ScsiBlocks.testUnitReady, length: 0, direction: 2)) }
        guest.run()
        // Without room for the first reply no second request is taken.
        #expect(guest.channels[0].waiting == 2)
        let other = try restored(guest, [0: ScsiDisk(disk, fallbackIdentifier: [])])
        other.run()
        #expect(other.take(numbers[0])?[14] == 1)
        guest.channels[0].places = .max
        guest.run()
        for number in numbers { #expect(guest.take(number)?[14] == 1) }
    }

    @Test func attentionsAndDrivesAreState() throws {
        let drive = ScsiDVD(MemoryDisk(sectors: 8, sectorSize: 2048))
        let guest = try StorageGuest([0: ScsiDisk(MemoryDisk(sectors: 8), fallbackIdentifier: []), 1: drive])
        try guest.controller.attach(location: 2, ScsiDVD(nil))
        try guest.controller.eject(location: 1)
        let other = try restored(
            guest, [0: ScsiDisk(MemoryDisk(sectors: 8), fallbackIdentifier: []), 1: ScsiDVD(nil), 2: ScsiDVD(nil)])
        #expect(other.read(ScsiBlocks.testUnitReady, length: 0)?.reason == .reportedLUNsChanged)
        #expect(other.read([0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8, 0], length: 8, lun: 1)?.data[4] == 3)
        #expect(other.read(ScsiBlocks.testUnitReady, length: 0, lun: 1)?.reason == .mediumMayHaveChanged)
        #expect(other.read(ScsiBlocks.testUnitReady, length: 0, lun: 1)?.reason == .mediumNotPresent)
    }

    @Test func whatChangedMeanwhileIsTold() throws {
        let guest = try StorageGuest([1: ScsiDVD(nil)])
        let other = try restored(
            guest, [1: ScsiDVD(MemoryDisk(sectors: 8, sectorSize: 2048)), 2: ScsiDisk(MemoryDisk(sectors: 8), fallbackIdentifier: [])])
        #expect(other.read(ScsiBlocks.testUnitReady, length: 0, lun: 1)?.reason == .mediumMayHaveChanged)
        #expect(other.takeNotices() == [11])
    }

    @Test func stateThatLiesIsRefused() throws {
        let disk = MemoryDisk(sectors: 8)
        let guest = try StorageGuest([0: ScsiDisk(disk, fallbackIdentifier: [])])
        disk.writeFailure = Self.full
        #expect(guest.write(ScsiBlocks.transfer10(0x2A, 0, 1), [UInt8](repeating: 1, count: 512)) == nil)
        let saved = try guest.controller.savedUnit()
        func refuses(_ targets: [Int: any ScsiTarget], channels: Int = 1, _ change: (String) -> String = { $0 }) throws -> Bool {
            let other = try StorageGuest(targets, memory: guest.memory, initialised: false)
            if channels > 0 { other.controller.reopened(other.channels[0]) }
            var unit = saved
            unit.payload = change(unit.payload)
            do {
                try other.controller.restore(from: unit)
                return false
            } catch { return true }
        }
        let same: [Int: any ScsiTarget] = [0: ScsiDisk(disk, fallbackIdentifier: [])]
        #expect(try !refuses(same))
        #expect(try refuses([:]))
        #expect(try refuses([0: ScsiDVD(nil)]))
        #expect(try refuses(same, channels: 0))
        #expect(try refuses(same) { $0.replacing("\"location\":0", with: "\"location\":64") })
        #expect(try refuses(same) { $0.replacing("\"offeredSubChannels\":0", with: "\"offeredSubChannels\":9999") })
        #expect(try refuses(same) { $0.replacing("\"count\":512", with: "\"count\":-5") })
        #expect(try refuses(same) { $0.replacing("\"channel\":0", with: "\"channel\":5") })
        #expect(try refuses(same) { $0.replacing("\"phase\":\"ready\"", with: "\"phase\":\"nowhere\"") })
    }

    @Test func saveInTheMiddleOfARunningLoad() throws {
        var generator = StorageRandom(seed: 77)
        let disk = MemoryDisk(sectors: 256)
        var guest = try StorageGuest([0: ScsiDisk(disk, fallbackIdentifier: [])])
        var model = disk.bytes
        for round in 0..<60 {
            // A few requests in the ring, room for only some of the replies, and now and then a host without room.
            guest.channels[0].places = guest.channels[0].outgoing.count + Int.random(in: 0...2, using: &generator)
            if Int.random(in: 0..<3, using: &generator) == 0 { disk.writeFailure = Self.full }
            let first = Int.random(in: 0..<200, using: &generator)
            let data = [UInt8](repeating: UInt8(truncatingIfNeeded: round + 1), count: 4096)
            let request = guest.begin(ScsiBlocks.transfer10(0x2A, UInt64(first), 8), data)
            guest.run()
            let waiting = guest.channels[0].incoming.suffix(guest.channels[0].waiting)
            let other = try restored(guest, [0: ScsiDisk(disk, fallbackIdentifier: [])])
            other.channels[0].outgoing = guest.channels[0].outgoing
            other.channels[0].incoming = Array(waiting)
            disk.writeFailure = nil
            other.controller.resumeRequests()
            other.run()
            #expect(other.take(request.transaction)?[14] == 1)
            model.replaceSubrange(first * 512..<first * 512 + 4096, with: data)
            #expect(disk.bytes == model)
            guest = other
        }
    }
}
