import Services
import Storage
import Testing

/// Disks that come and go while the guest runs.
@Suite struct StorageHotPlugTests {
    private static func disk() -> ScsiDisk { ScsiDisk(MemoryDisk(sectors: 64), fallbackIdentifier: [3]) }

    @Test func aNewDiskIsAnnounced() throws {
        let guest = try StorageGuest([0: Self.disk()])
        try guest.controller.attach(location: 63, Self.disk())
        #expect(guest.takeNotices() == [11])
        #expect(guest.read(ScsiBlocks.testUnitReady, length: 0)?.reason == .reportedLUNsChanged)
        #expect(guest.read(ScsiBlocks.testUnitReady, length: 0)?.isGood == true)
        #expect(guest.read(ScsiBlocks.testUnitReady, length: 0, lun: 63)?.isGood == true)
    }

    @Test func aRemovedDiskIsGone() throws {
        let (first, second) = (Self.disk(), Self.disk())
        let guest = try StorageGuest([0: first, 1: second])
        let removed = try guest.controller.detach(location: 1)
        #expect(removed === second)
        #expect(guest.takeNotices() == [2])
        // What Linux does then: a command to each known unit; "no such LUN" removes it.
        #expect(guest.read(ScsiBlocks.testUnitReady, length: 0, lun: 1)?.srb == 0x20)
        #expect(guest.read(ScsiBlocks.inquiry(length: 36), length: 36)?.isGood == true)
        #expect(guest.read(ScsiBlocks.testUnitReady, length: 0)?.reason == .reportedLUNsChanged)
        try guest.controller.attach(location: 1, removed)
        #expect(guest.read(ScsiBlocks.testUnitReady, length: 0, lun: 1)?.isGood == true)
    }

    @Test func mistakesOfTheWorker() throws {
        let guest = try StorageGuest([0: Self.disk()])
        func code(_ body: () throws -> Void) -> StorageControllerError.Code? {
            do {
                try body()
                return nil
            } catch { return (error as? StorageControllerError)?.code }
        }
        #expect(code { try guest.controller.attach(location: 0, Self.disk()) } == .occupied)
        #expect(code { try guest.controller.attach(location: 64, Self.disk()) } == .noSuchLocation)
        #expect(code { try guest.controller.attach(location: -1, Self.disk()) } == .noSuchLocation)
        #expect(code { _ = try guest.controller.detach(location: 1) } == .empty)
        #expect(guest.takeNotices() == [])
    }

    @Test func nothingIsAnnouncedBeforeTheGuestLooks() throws {
        let guest = try StorageGuest([:], initialised: false)
        try guest.controller.attach(location: 0, Self.disk())
        #expect(guest.controller.opened(guest.channels[0], userData: []))
        guest.initialise()
        #expect(guest.takeNotices() == [])
        #expect(guest.read(ScsiBlocks.testUnitReady, length: 0)?.isGood == true)
    }

    @Test func aNoticeWaitsForRoom() throws {
        let guest = try StorageGuest([:])
        guest.channels[0].places = 0
        try guest.controller.attach(location: 0, Self.disk())
        try guest.controller.attach(location: 1, Self.disk())
        #expect(guest.takeNotices() == [])
        guest.channels[0].places = 10
        guest.run()
        #expect(guest.takeNotices() == [11])
    }

    @Test func closeClosesAllDisks() throws {
        let disks = [MemoryDisk(sectors: 8), MemoryDisk(sectors: 8, sectorSize: 2048)]
        let guest = try StorageGuest([0: ScsiDisk(disks[0], fallbackIdentifier: []), 1: ScsiDVD(disks[1]), 2: ScsiDVD(nil)])
        #expect(guest.controller.close().isEmpty)
        #expect(disks.allSatisfy(\.isClosed) && guest.controller.targets.isEmpty)
        #expect(guest.read(ScsiBlocks.testUnitReady, length: 0)?.srb == 0x20)
    }
}
