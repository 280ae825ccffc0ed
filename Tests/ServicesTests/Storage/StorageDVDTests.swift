import Services
import Storage
import Testing

/// A DVD drive: reading, what it says of its medium, and media that come and go.
@Suite struct StorageDVDTests {
    private static func medium(_ sectors: Int = 64) -> MemoryDisk {
        let disk = MemoryDisk(sectors: sectors, sectorSize: 2048)
        disk.isReadOnly = true
        for sector in 0..<min(sectors, 64) { disk.bytes[sector * 2048] = UInt8(sector) }
        return disk
    }

    private func guest(_ drive: ScsiDVD) throws -> StorageGuest { try StorageGuest([2: drive]) }

    private func event(_ guest: StorageGuest) throws -> (code: UInt8, present: Bool) {
        let reply = try #require(guest.read([0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8, 0], length: 8, lun: 2))
        #expect(reply.isGood && reply.data[2] == 4)
        return (reply.data[4], reply.data[5] & 2 != 0)
    }

    @Test func readsItsMedium() throws {
        let guest = try guest(ScsiDVD(Self.medium()))
        let inquiry = try #require(guest.read(ScsiBlocks.inquiry(), length: 255, lun: 2))
        #expect(inquiry.data[0] == 5 && inquiry.data[1] == 0x80)
        #expect(guest.read(ScsiBlocks.inquiry(page: 0), length: 255, lun: 2)?.transferred == 6)
        #expect(guest.read(ScsiBlocks.testUnitReady, length: 0, lun: 2)?.isGood == true)
        let capacity = try #require(guest.read([0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], length: 8, lun: 2))
        #expect(capacity.data.big(0, as: UInt32.self) == 63 && capacity.data.big(4, as: UInt32.self) == 2048)
        let ten = try #require(guest.read(ScsiBlocks.transfer10(0x28, 7, 2), length: 4096, lun: 2, run: 1000))
        #expect(ten.isGood && ten.data[0] == 7 && ten.data[2048] == 8)
        let twelve = try #require(guest.read(ScsiBlocks.transfer12(0xA8, 63, 1), length: 2048, lun: 2))
        #expect(twelve.isGood && twelve.data[0] == 63)
        #expect(guest.read(ScsiBlocks.transfer10(0x28, 63, 2), length: 4096, lun: 2)?.reason == .addressOutOfRange)
        #expect(guest.write(ScsiBlocks.transfer10(0x2A, 0, 1), [UInt8](repeating: 0, count: 2048), lun: 2)?.reason == .invalidOpcode)
    }

    @Test func anEmptyDrive() throws {
        let guest = try guest(ScsiDVD(nil))
        let need: [[UInt8]] = [
            ScsiBlocks.testUnitReady, [0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], ScsiBlocks.transfer10(0x28, 0, 1),
            [0x43, 0, 0, 0, 0, 0, 0, 0, 12, 0], [0x51, 0, 0, 0, 0, 0, 0, 0, 34, 0], [0x1B, 0, 0, 0, 3, 0],
        ]
        for cdb in need { #expect(guest.read(cdb, length: 2048, lun: 2)?.reason == .mediumNotPresent) }
        #expect(try event(guest) == (0, false))
        let configuration = try #require(guest.read([0x46, 0, 0, 0, 0, 0, 0, 0, 255, 0], length: 255, lun: 2))
        #expect(configuration.isGood && configuration.data.big(6, as: UInt16.self) == 0)
        #expect(guest.read(ScsiBlocks.modeSense6(0x2A), length: 128, lun: 2)?.isGood == true)
    }

    @Test func tableOfContents() throws {
        let guest = try guest(ScsiDVD(Self.medium(300)))
        func table(_ flags: UInt8, _ format: UInt8, _ start: UInt8 = 0) -> ScsiReply? {
            guest.read([0x43, flags, format, 0, 0, 0, start, 0, 255, 0], length: 255, lun: 2)
        }
        let tracks = try #require(table(0, 0))
        #expect(tracks.isGood && tracks.transferred == 20 && tracks.data.big(0, as: UInt16.self) == 18)
        #expect(tracks.data[6] == 1 && tracks.data[14] == 0xAA && tracks.data.big(16, as: UInt32.self) == 300)
        let times = try #require(table(2, 0))
        #expect(Array(times.data[8..<12]) == [0, 0, 2, 0] && Array(times.data[16..<20]) == [0, 0, 6, 0])
        #expect(table(0, 0, 0xAA)?.transferred == 12 && table(0, 1)?.transferred == 12 && table(0, 2)?.transferred == 48)
        #expect(table(0, 0, 2)?.reason == .invalidFieldInBlock && table(0, 5)?.reason == .invalidFieldInBlock)
    }

    @Test func profilesAndDiscs() throws {
        let small = try guest(ScsiDVD(Self.medium()))
        let large = try guest(ScsiDVD(Self.medium(460_000)))
        for (guest, profile) in [(small, UInt16(0x08)), (large, 0x10)] {
            let reply = try #require(guest.read([0x46, 0, 0, 0, 0, 0, 0, 0, 255, 0], length: 255, lun: 2))
            #expect(reply.isGood && reply.data.big(6, as: UInt16.self) == profile)
            #expect(Int(reply.data.big(0, as: UInt32.self)) + 4 == reply.transferred)
            let one = try #require(guest.read([0x46, 2, 0, 3, 0, 0, 0, 0, 255, 0], length: 255, lun: 2))
            #expect(one.transferred == 16 && one.data.big(8, as: UInt16.self) == 3)
            #expect(guest.read([0x46, 3, 0, 0, 0, 0, 0, 0, 255, 0], length: 255, lun: 2)?.reason == .invalidFieldInBlock)
        }
        let disc = try #require(small.read([0x51, 0, 0, 0, 0, 0, 0, 0, 34, 0], length: 34, lun: 2))
        #expect(disc.transferred == 34 && disc.data.big(0, as: UInt16.self) == 32 && disc.data[2] == 0x0E)
        let track = try #require(small.read([0x52, 1, 0, 0, 0, 1, 0, 0, 36, 0], length: 36, lun: 2))
        #expect(track.transferred == 36 && track.data.big(24, as: UInt32.self) == 64)
        #expect(small.read([0x52, 0, 0, 0, 0, 64, 0, 0, 36, 0], length: 36, lun: 2)?.reason == .invalidFieldInBlock)
        let page = try #require(small.read([0x5A, 8, 0x2A, 0, 0, 0, 0, 0, 128, 0], length: 128, lun: 2))
        #expect(page.transferred == 28 && page.data[8] == 0x2A && page.data[10] & 8 != 0)
    }

    @Test func aMediumComesAndGoes() throws {
        let drive = ScsiDVD(nil)
        let guest = try guest(drive)
        let first = Self.medium()
        try guest.controller.insert(first, location: 2)
        #expect(guest.read(ScsiBlocks.testUnitReady, length: 0, lun: 2)?.reason == .mediumMayHaveChanged)
        #expect(guest.read(ScsiBlocks.testUnitReady, length: 0, lun: 2)?.isGood == true)
        #expect(try event(guest) == (2, true))
        #expect(try event(guest) == (0, true))
        let second = Self.medium(32)
        try guest.controller.insert(second, location: 2)
        #expect(first.isClosed && !second.isClosed)
        #expect(guest.read(ScsiBlocks.testUnitReady, length: 0, lun: 2)?.reason == .mediumMayHaveChanged)
        try guest.controller.eject(location: 2)
        #expect(second.isClosed && !drive.hasMedium)
        #expect(try event(guest) == (3, false))
        #expect(guest.read(ScsiBlocks.testUnitReady, length: 0, lun: 2)?.reason == .mediumMayHaveChanged)
        #expect(guest.read(ScsiBlocks.testUnitReady, length: 0, lun: 2)?.reason == .mediumNotPresent)
        try guest.controller.eject(location: 2)
    }

    @Test func theGuestEjects() throws {
        let drive = ScsiDVD(Self.medium())
        let guest = try guest(drive)
        var ejects = 0
        drive.onEject = { ejects += 1 }
        #expect(guest.read([0x1E, 0, 0, 0, 1, 0], length: 0, lun: 2)?.isGood == true)
        #expect(guest.read([0x1B, 0, 0, 0, 2, 0], length: 0, lun: 2)?.reason == .removalPrevented)
        #expect(guest.read([0x1E, 0, 0, 0, 0, 0], length: 0, lun: 2)?.isGood == true)
        #expect(guest.read([0x1B, 0, 0, 0, 2, 0], length: 0, lun: 2)?.isGood == true)
        #expect(ejects == 1 && !drive.hasMedium)
        #expect(guest.read(ScsiBlocks.testUnitReady, length: 0, lun: 2)?.reason == .mediumNotPresent)
        #expect(guest.read([0x1B, 0, 0, 0, 2, 0], length: 0, lun: 2)?.isGood == true)
        #expect(ejects == 1)
    }

    /// Linux takes the attention after a change of media for success, and then ejects: the door must have been unlocked.
    @Test func theDoorUnlocksAlsoWhereAnAttentionIsReported() throws {
        let drive = ScsiDVD(Self.medium())
        let guest = try guest(drive)
        #expect(guest.read([0x1E, 0, 0, 0, 1, 0], length: 0, lun: 2)?.isGood == true)
        try guest.controller.insert(Self.medium(), location: 2)
        #expect(guest.read([0x1E, 0, 0, 0, 0, 0], length: 0, lun: 2)?.reason == .mediumMayHaveChanged)
        #expect(guest.read([0x1B, 0, 0, 0, 2, 0], length: 0, lun: 2)?.isGood == true)
        #expect(!drive.hasMedium)
    }

    @Test func onlyDrivesTakeMedia() throws {
        let guest = try StorageGuest([0: ScsiDisk(MemoryDisk(sectors: 8), fallbackIdentifier: [])])
        #expect(throws: StorageControllerError.self) { try guest.controller.insert(Self.medium(), location: 0) }
        #expect(throws: StorageControllerError.self) { try guest.controller.eject(location: 1) }
        #expect(throws: StorageControllerError.self) { try guest.controller.eject(location: 64) }
    }
}
