import Services
import Storage
import Testing

/// Requests on the thread of a virtual processor: what would wait for the host is left to where it may.
@Suite struct StoragePromptnessTests {
    private let disk = MemoryDisk(sectors: 1024)

    /// A guest whose signals are served by the virtual processor's thread.
    private func guest() throws -> StorageGuest {
        let guest = try StorageGuest([0: ScsiDisk(disk, fallbackIdentifier: [])])
        // The first command hears of the disk's arrival.
        _ = guest.read(ScsiBlocks.testUnitReady, length: 0)
        guest.pump.mayWait = false
        return guest
    }

    /// Lets the virtual processor's thread take what waits; nothing else runs.
    private func signal(_ guest: StorageGuest, _ channel: Int = 0) { guest.controller.ringChanged(guest.channels[channel]) }

    @Test func promptRequestsAreAnsweredAtOnce() throws {
        disk.isPrompt = true
        disk.bytes[512] = 77
        let guest = try guest()
        let data = [UInt8](repeating: 3, count: 1024)
        let write = guest.begin(ScsiBlocks.transfer10(0x2A, 4, 2), data)
        signal(guest)
        #expect(guest.pump.isIdle && guest.take(write.transaction).map { guest.reply($0, write.ranges).isGood } == true)
        let ranges = StorageGuest.ranges(512)
        let read = guest.enqueue(StorageGuest.request(ScsiBlocks.transfer10(0x28, 1, 1), length: 512, direction: 1), ranges: ranges)
        signal(guest)
        let answer = try #require(guest.take(read))
        #expect(guest.pump.isIdle && guest.reply(answer, ranges).data[0] == 77)
        #expect(Array(disk.bytes[2048..<3072]) == data && disk.promptRequests == 2)
        let counters = try #require(guest.controller.targets[0]?.counters.snapshot)
        #expect(counters.reads == 1 && counters.writes == 1 && counters.bytesWritten == 1024)
    }

    @Test func whatWouldWaitIsRepeatedWhereItMay() throws {
        let guest = try guest()
        let write = guest.begin(ScsiBlocks.transfer10(0x2A, 4, 1), [UInt8](repeating: 5, count: 512))
        let next = guest.enqueue(StorageGuest.request(ScsiBlocks.transfer10(0x2A, 4, 1), length: 512, direction: 0), ranges: write.ranges)
        signal(guest)
        #expect(guest.take(write.transaction) == nil && !guest.pump.isIdle && disk.promptRequests == 1)
        // Requests keep their order: nothing more is taken until then, whatever the guest signals.
        disk.isPrompt = true
        signal(guest)
        #expect(guest.take(next) == nil && guest.channels[0].waiting == 1)
        guest.pump.run()
        #expect(guest.take(write.transaction) != nil && guest.take(next) != nil && guest.pump.isIdle)
        #expect(disk.bytes[2048] == 5 && disk.segmentCounts.count == 2 && disk.promptRequests == 1)
    }

    @Test func onlyShortTransfersAreTriedAtOnce() throws {
        disk.isPrompt = true
        let guest = try guest()
        let blocks: [(cdb: [UInt8], length: Int, direction: UInt8)] = [
            (ScsiBlocks.synchronize, 0, 2), (ScsiBlocks.transfer10(0x2A, 0, 1, flags: 8), 512, 0),
            (ScsiBlocks.transfer10(0x28, 0, 1, flags: 8), 512, 1), (ScsiBlocks.transfer10(0x2E, 0, 1), 512, 0),
            (ScsiBlocks.transfer10(0x28, 0, 512), 256 << 10, 1), (ScsiBlocks.inquiry(), 255, 1),
        ]
        for block in blocks {
            let request = StorageGuest.request(block.cdb, length: block.length, direction: block.direction)
            let number = guest.enqueue(request, ranges: StorageGuest.ranges(block.length))
            signal(guest)
            #expect(guest.take(number) == nil && disk.promptRequests == 0, "\(block.cdb)")
            guest.pump.run()
            #expect(guest.take(number)?[14] == 1, "\(block.cdb)")
        }
        #expect(disk.flushes == 4)
    }

    @Test func errorsAreToldWhereThereIsTime() throws {
        disk.isPrompt = true
        let guest = try guest()
        disk.writeFailure = DiskError(.full, "The host's file system is full.")
        let write = guest.begin(ScsiBlocks.transfer10(0x2A, 4, 1), [UInt8](repeating: 5, count: 512))
        signal(guest)
        #expect(guest.full.isEmpty && !guest.controller.isHoldingRequest)
        guest.pump.run()
        #expect(guest.full.count == 1 && guest.controller.isHoldingRequest)
        disk.writeFailure = nil
        guest.pump.mayWait = true
        guest.controller.resumeRequests()
        #expect(guest.take(write.transaction) != nil && disk.bytes[2048] == 5)
    }

    @Test func aClosedChannelTakesItsPostponedRequestAlong() throws {
        let guest = try guest()
        let write = guest.begin(ScsiBlocks.transfer10(0x2A, 4, 1), [UInt8](repeating: 5, count: 512))
        signal(guest)
        guest.controller.closed(guest.channels[0])
        guest.pump.run()
        #expect(guest.take(write.transaction) == nil && disk.segmentCounts.isEmpty)
        // The next guest's requests are not held up by it.
        guest.channels[0] = StorageQueueChannel(index: 0)
        #expect(guest.controller.opened(guest.channels[0], userData: []))
        guest.pump.mayWait = true
        guest.initialise()
        #expect(guest.write(ScsiBlocks.transfer10(0x2A, 4, 1), [UInt8](repeating: 6, count: 512)) != nil)
    }

    @Test func aBusyGuestGetsItsProcessorBack() throws {
        disk.isPrompt = true
        let guest = try guest()
        let numbers = (0..<40).map { _ in
            guest.enqueue(
                StorageGuest.request(ScsiBlocks.transfer10(0x28, 0, 1), length: 512, direction: 1), ranges: StorageGuest.ranges(512))
        }
        signal(guest)
        let answered = guest.channels[0].outgoing.count
        #expect(answered > 0 && answered < 40 && !guest.pump.isIdle)
        guest.pump.run()
        #expect(numbers.allSatisfy { guest.take($0) != nil })
    }
}
