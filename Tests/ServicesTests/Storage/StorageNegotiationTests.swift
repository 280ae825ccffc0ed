import Basics
import Services
import Testing

/// The storage protocol before the first SCSI command, as Linux' storvsc speaks it.
@Suite struct StorageNegotiationTests {
    @Test func offersTheInterfaceOfAScsiController() throws {
        let guest = try StorageGuest([:], initialised: false)
        #expect(guest.controller.offer.interfaceType.description == "ba6163d9-04a1-4d29-b605-72e2ffb1dc7f")
        #expect(guest.controller.offer.interfaceInstance == StorageGuest.instance)
        #expect(guest.controller.unitName == "storage.\(StorageGuest.instance)")
    }

    @Test func goesThroughTheSequenceOfLinux() throws {
        let guest = try StorageGuest([0: ScsiDisk(MemoryDisk(sectors: 16), fallbackIdentifier: [])], initialised: false)
        #expect(guest.controller.opened(guest.channels[0], userData: []))
        #expect(guest.control(7) == 0)
        #expect(guest.control(9, body: [0x07, 0x06]) == 0xC000_0059)
        #expect(guest.control(9, body: [0x02, 0x06]) == 0)
        let properties = try #require(guest.exchange(10))
        #expect(properties.count == 64)
        #expect(properties.little(0, as: UInt32.self) == 1)
        #expect(properties.little(16, as: UInt16.self) == 3)
        #expect(properties.little(20, as: UInt32.self) == 1)
        #expect(properties.little(24, as: UInt32.self) == 1 << 20)
        #expect(guest.control(8) == 0)
        #expect(guest.read(ScsiBlocks.testUnitReady, length: 0)?.isGood == true)
    }

    @Test(arguments: [UInt16(0x0501), 0x0600, 0x0602]) func knowsVersion(_ version: UInt16) throws {
        let guest = try StorageGuest([:], initialised: false)
        #expect(guest.controller.opened(guest.channels[0], userData: []))
        guest.initialise(version: version)
    }

    @Test(arguments: [UInt16(0x0200), 0x0402, 0x0603, 0xFFFF]) func refusesVersion(_ version: UInt16) throws {
        let guest = try StorageGuest([:], initialised: false)
        #expect(guest.controller.opened(guest.channels[0], userData: []))
        #expect(guest.control(7) == 0)
        #expect(guest.control(9, body: [UInt8(version & 255), UInt8(version >> 8)]) == 0xC000_0059)
    }

    @Test func answersEverythingOutOfOrder() throws {
        let guest = try StorageGuest([0: ScsiDisk(MemoryDisk(sectors: 16), fallbackIdentifier: [])], initialised: false)
        #expect(guest.controller.opened(guest.channels[0], userData: []))
        let invalidState: UInt32 = 0xC000_0184
        for operation: UInt32 in [1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 13, 14, 0xFFFF_FFFF] { #expect(guest.control(operation) == invalidState) }
        #expect(guest.control(12) == 0xC000_0010)
        #expect(guest.control(7) == 0)
        #expect(guest.control(7) == invalidState)
        #expect(guest.control(10) == invalidState)
    }

    @Test func offersSubChannelsOnce() throws {
        let guest = try StorageGuest([0: ScsiDisk(MemoryDisk(sectors: 16), fallbackIdentifier: [])], processors: 4)
        #expect(guest.control(13, body: [4, 0]) == 0xC000_000D)
        #expect(guest.host.offeredSubChannels == [])
        #expect(guest.control(13, body: [3, 0]) == 0)
        #expect(guest.host.offeredSubChannels == [3])
        #expect(guest.control(13, body: [3, 0]) == 0xC000_000D)
        let second = StorageQueueChannel(index: 1)
        guest.channels.append(second)
        #expect(guest.controller.opened(second, userData: []))
        #expect(guest.read(ScsiBlocks.testUnitReady, length: 0, channel: 1)?.isGood == true)
        #expect(guest.control(13, body: [1, 0], channel: 1) == 0xC000_0184)
        #expect(!guest.controller.opened(StorageQueueChannel(index: 4), userData: []))
    }

    /// Four processors that share channels by two have two channels: one sub-channel.
    @Test(arguments: [(1, 3), (2, 1), (3, 1), (4, 0), (100, 0)])
    func processorsShareChannels(_ share: Int, _ most: Int) throws {
        let guest = try StorageGuest([0: ScsiDisk(MemoryDisk(sectors: 16), fallbackIdentifier: [])], processors: 4)
        guest.controller.processorsPerChannel = share
        #expect(guest.control(13, body: [UInt8(most + 1), 0]) == 0xC000_000D)
        #expect(guest.control(13, body: [UInt8(most), 0]) == 0)
        #expect(guest.host.offeredSubChannels == (most == 0 ? [] : [most]))
    }

    @Test func beginsAgainAfterTheChannelWasClosed() throws {
        let guest = try StorageGuest([0: ScsiDisk(MemoryDisk(sectors: 16), fallbackIdentifier: [])])
        guest.controller.closed(guest.channels[0])
        guest.channels[0] = StorageQueueChannel(index: 0)
        #expect(guest.controller.opened(guest.channels[0], userData: []))
        #expect(guest.control(8) == 0xC000_0184)
        guest.initialise()
        #expect(guest.read(ScsiBlocks.testUnitReady, length: 0)?.isGood == true)
    }

    @Test func resetsSucceed() throws {
        let guest = try StorageGuest([:])
        for operation: UInt32 in [4, 5, 6] { #expect(guest.control(operation) == 0) }
    }

    @Test func packetsWithoutAWishForACompletionGetNone() throws {
        let guest = try StorageGuest([:])
        let number = guest.enqueue([UInt8](repeating: 0, count: 64))
        guest.channels[0].incoming[0].completionRequested = false
        guest.run()
        #expect(guest.take(number) == nil)
    }

    @Test func shortPacketsAreRefused() throws {
        let guest = try StorageGuest([0: ScsiDisk(MemoryDisk(sectors: 16), fallbackIdentifier: [])])
        for count in 0..<64 {
            let request = Array(StorageGuest.request(ScsiBlocks.testUnitReady, length: 0, direction: 2).prefix(count))
            let answer = try #require(guest.push(request))
            #expect(answer.count == 64)
            #expect(answer.little(8, as: UInt32.self) != 0)
        }
    }
}
