import Services
import Storage
import Testing

/// A host that has no room: the request waits, nothing is lost.
@Suite struct StorageFullDiskTests {
    private static let full = DiskError(.full, "The host's file system is full.")

    @Test func theRequestIsRepeatedWhenThereIsRoom() throws {
        let disk = MemoryDisk(sectors: 64)
        let guest = try StorageGuest([1: ScsiDisk(disk, fallbackIdentifier: [])])
        disk.writeFailure = Self.full
        let data = (0..<1024).map { UInt8(truncatingIfNeeded: $0) }
        let first = guest.begin(ScsiBlocks.transfer10(0x2A, 4, 2), data, lun: 1)
        let second = guest.enqueue(StorageGuest.request(ScsiBlocks.testUnitReady, length: 0, direction: 2, lun: 1))
        guest.run()
        #expect(guest.take(first.transaction) == nil && guest.take(second) == nil)
        #expect(guest.full.count == 1 && guest.full[0].location == 1 && guest.full[0].error.code == .full)
        #expect(guest.controller.isHoldingRequest)
        // Signals of the guest do not move anything.
        guest.run()
        #expect(guest.full.count == 1)
        guest.controller.resumeRequests()
        #expect(guest.full.count == 2 && guest.controller.isHoldingRequest)
        disk.writeFailure = nil
        guest.controller.resumeRequests()
        let reply = try #require(guest.take(first.transaction))
        #expect(guest.reply(reply, first.ranges).isGood)
        #expect(guest.take(second)?[14] == 1)
        #expect(Array(disk.bytes[2048..<3072]) == data && !guest.controller.isHoldingRequest)
        guest.controller.resumeRequests()
        #expect(guest.full.count == 2 && guest.troubles.isEmpty)
    }

    @Test func aFullDiskAtTheFlushOrTheDiscardHoldsToo() throws {
        let disk = MemoryDisk(sectors: 64)
        let guest = try StorageGuest([0: ScsiDisk(disk, fallbackIdentifier: [])])
        disk.flushFailure = Self.full
        #expect(guest.read(ScsiBlocks.synchronize, length: 0) == nil)
        disk.flushFailure = nil
        guest.controller.resumeRequests()
        #expect(disk.flushes == 1)
        disk.writeFailure = Self.full
        #expect(guest.write(ScsiBlocks.transfer16(0x93, 0, 8), [UInt8](repeating: 9, count: 512)) == nil)
        disk.writeFailure = nil
        guest.controller.resumeRequests()
        #expect(disk.bytes[..<4096].allSatisfy { $0 == 9 })
    }

    @Test func otherChannelsWaitToo() throws {
        let disk = MemoryDisk(sectors: 64)
        let guest = try StorageGuest([0: ScsiDisk(disk, fallbackIdentifier: [])])
        #expect(guest.control(13, body: [1, 0]) == 0)
        guest.channels.append(StorageQueueChannel(index: 1))
        #expect(guest.controller.opened(guest.channels[1], userData: []))
        disk.writeFailure = Self.full
        #expect(guest.write(ScsiBlocks.transfer10(0x2A, 0, 1), [UInt8](repeating: 1, count: 512), channel: 1) == nil)
        let other = guest.enqueue(StorageGuest.request(ScsiBlocks.testUnitReady, length: 0, direction: 2))
        guest.run()
        #expect(guest.take(other) == nil)
        disk.writeFailure = nil
        guest.controller.resumeRequests()
        #expect(guest.take(other) != nil && guest.channels[1].outgoing.count == 1)
    }

    @Test func aClosedChannelForgetsItsRequest() throws {
        let disk = MemoryDisk(sectors: 64)
        let guest = try StorageGuest([0: ScsiDisk(disk, fallbackIdentifier: [])])
        disk.writeFailure = Self.full
        #expect(guest.write(ScsiBlocks.transfer10(0x2A, 0, 1), [UInt8](repeating: 1, count: 512)) == nil)
        guest.controller.closed(guest.channels[0])
        #expect(!guest.controller.isHoldingRequest)
        guest.controller.resumeRequests()
        #expect(guest.full.count == 1 && disk.bytes.allSatisfy { $0 == 0 })
    }

    @Test func aRemovedDiskAnswersItsRequest() throws {
        let disk = MemoryDisk(sectors: 64)
        let guest = try StorageGuest([0: ScsiDisk(disk, fallbackIdentifier: [])])
        disk.writeFailure = Self.full
        let request = guest.begin(ScsiBlocks.transfer10(0x2A, 0, 1), [UInt8](repeating: 1, count: 512))
        guest.run()
        _ = try guest.controller.detach(location: 0)
        #expect(guest.take(request.transaction)?[14] == 0x20)
    }
}
