import Basics
import DeviceModel
import Glibc
import Services
import Storage
import Testing
import VMBus
import VMBusTestSupport

/// The controller on a real bus with rings, over a raw disk file: what storvsc does from the offer to the last flush.
@Suite struct StorageOverVMBusTests {
    /// A file of zeros that is gone when the test is.
    private static func file(_ bytes: Int) throws -> (disk: any Disk, again: () throws -> any Disk) {
        var name = Array("/tmp/lunavisor-storage-XXXXXX".utf8CString)
        let descriptor = name.withUnsafeMutableBufferPointer { $0.baseAddress.map { mkstemp($0) } ?? -1 }
        #expect(descriptor >= 0 && ftruncate(descriptor, off_t(bytes)) == 0)
        _ = name.withUnsafeBufferPointer { $0.baseAddress.map { unlink($0) } }
        let open: () throws -> any Disk = {
            try VirtualDisk.open([DiskChainEntry(descriptor: dup(descriptor), path: "test disk", format: .raw)], readOnly: false)
        }
        return (try open(), open)
    }

    /// A driver's side of one controller.
    private final class Driver {
        let bus: GuestBus
        let controller: StorageController
        var channels: [GuestChannel]
        private var transaction: UInt64 = 1
        let buffer: UInt64

        init(bus: GuestBus, controller: StorageController, channels: [GuestChannel], buffer: UInt64) {
            (self.bus, self.controller, self.channels, self.buffer) = (bus, controller, channels, buffer)
        }

        static let bufferPages = 64

        static func start(_ targets: [Int: any ScsiTarget]) throws -> Driver {
            let bus = GuestBus(processors: 4)
            let controller = StorageController(instance: StorageGuest.instance, pump: bus.makePump())
            controller.setDisks(targets)
            #expect(bus.server.add(controller))
            try #require(bus.connect())
            let offer = try #require(bus.requestOffers().first)
            #expect(offer.type == controller.offer.interfaceType)
            let channel = try #require(bus.open(offer, sendPages: 8, receivePages: 8))
            let driver = Driver(
                bus: bus, controller: controller, channels: [channel], buffer: bus.allocate(pages: bufferPages * 2))
            #expect(driver.control(7) == 0)
            #expect(driver.control(9, [0x02, 0x06]) == 0)
            #expect(driver.control(10) == 0)
            #expect(driver.control(8) == 0)
            #expect(driver.control(13, [2, 0]) == 0)
            let more = bus.newOffers().filter { $0.subIndex > 0 }
            #expect(more.count == 2)
            for offer in more { driver.channels.append(try #require(bus.open(offer, sendPages: 4, receivePages: 4, processor: 1))) }
            return driver
        }

        func control(_ operation: UInt32, _ body: [UInt8] = []) -> UInt32? {
            var bytes = [UInt8](repeating: 0, count: 64)
            bytes.setLittleEndian(operation, at: 0)
            for (position, byte) in body.enumerated() { bytes[12 + position] = byte }
            return channels[0].exchange(bytes)?.payload.little(8, as: UInt32.self)
        }

        /// Pages of the buffer, every second one, so that no two are neighbours.
        var pages: [UInt64] { (0..<Self.bufferPages).map { buffer + UInt64($0) * 8192 } }

        func send(_ cdb: [UInt8], count: Int, direction: UInt8, channel: Int) throws -> UInt64 {
            transaction += 1
            let request = StorageGuest.request(cdb, length: count, direction: count == 0 ? 2 : direction)
            let isSent =
                count == 0
                ? channels[channel].send(request, transaction: transaction, completionRequested: true)
                : channels[channel].sendList(
                    request, pages: Array(pages.prefix((count + 4095) / 4096)), count: count, transaction: transaction)
            try #require(isSent)
            return transaction
        }

        func run(_ cdb: [UInt8], count: Int, direction: UInt8, channel: Int = 0) throws -> [UInt8] {
            let number = try send(cdb, count: count, direction: direction, channel: channel)
            bus.run()
            let packet = try #require(channels[channel].receive())
            #expect(packet.kind == .completion && packet.transaction == number)
            return packet.payload
        }

        func write(_ first: Int, _ data: [UInt8], channel: Int = 0) throws {
            fill(data)
            let reply = try run(
                ScsiBlocks.transfer16(0x8A, UInt64(first), data.count / 512), count: data.count, direction: 0, channel: channel)
            #expect(reply[14] == 1 && reply.little(24, as: UInt32.self) == UInt32(data.count))
        }

        func fill(_ data: [UInt8]) {
            for (index, start) in stride(from: 0, to: data.count, by: 4096).enumerated() {
                #expect(bus.memory.write(pages[index], data[start..<min(start + 4096, data.count)]))
            }
        }

        func read(_ first: Int, _ count: Int, channel: Int = 0) throws -> [UInt8] {
            let reply = try run(ScsiBlocks.transfer10(0x28, UInt64(first), count / 512), count: count, direction: 1, channel: channel)
            #expect(reply[14] == 1)
            var data: [UInt8] = []
            for (index, start) in stride(from: 0, to: count, by: 4096).enumerated() {
                data += try #require(bus.memory.read(pages[index], count: min(4096, count - start)))
            }
            return data
        }
    }

    @Test func randomAccessOverAllChannels() throws {
        let (disk, _) = try Self.file(4 << 20)
        let driver = try Driver.start([0: ScsiDisk(disk, fallbackIdentifier: [1])])
        var generator = StorageRandom(seed: 0xB05)
        var model = [UInt8](repeating: 0, count: 4 << 20)
        for step in 0..<300 {
            let count = Int.random(in: 1...512, using: &generator)
            let first = Int.random(in: 0...8192 - count, using: &generator)
            let channel = step % 3
            if Bool.random(using: &generator) {
                let data = (0..<count * 512).map { UInt8(truncatingIfNeeded: $0 &* 5 &+ step &+ $0 >> 9) }
                try driver.write(first, data, channel: channel)
                model.replaceSubrange(first * 512..<(first + count) * 512, with: data)
            } else {
                #expect(try driver.read(first, count * 512, channel: channel) == Array(model[first * 512..<(first + count) * 512]))
            }
        }
        #expect(try driver.run(ScsiBlocks.synchronize, count: 0, direction: 2)[14] == 1)
        #expect(driver.bus.notes == [])
        #expect(driver.controller.close().isEmpty)
    }

    @Test func aDeepQueueIsAnsweredCompletely() throws {
        let (disk, _) = try Self.file(1 << 20)
        let driver = try Driver.start([0: ScsiDisk(disk, fallbackIdentifier: [1])])
        // More requests than the ring back takes at once: replies wait for room.
        var sent: [UInt64] = []
        for index in 0..<240 {
            sent.append(try driver.send(ScsiBlocks.transfer10(0x28, UInt64(index), 1), count: 0, direction: 2, channel: 0))
        }
        driver.bus.run()
        var answered: [UInt64] = []
        for _ in 0..<10 {
            answered += driver.channels[0].receiveAll().map(\.transaction)
            driver.bus.run()
        }
        #expect(answered == sent)
    }

    @Test func hotAddReachesTheGuest() throws {
        let driver = try Driver.start([:])
        let (disk, _) = try Self.file(1 << 20)
        try driver.controller.attach(location: 4, ScsiDisk(disk, fallbackIdentifier: [1]))
        driver.bus.run()
        let notice = try #require(driver.channels[0].receive())
        #expect(notice.kind == .inBand && notice.transaction == 0 && notice.payload.little(0, as: UInt32.self) == 11)
    }

    @Test func anotherProcessGoesOnInTheMiddle() throws {
        let (disk, again) = try Self.file(1 << 20)
        let driver = try Driver.start([0: ScsiDisk(disk, fallbackIdentifier: [1])])
        try driver.write(5, [UInt8](repeating: 0xAB, count: 8192))
        // A request is in the ring when the machine is saved.
        driver.fill([UInt8](repeating: 0xCD, count: 4096))
        let number = try driver.send(ScsiBlocks.transfer10(0x2A, 100, 8), count: 4096, direction: 0, channel: 1)
        let saved = try driver.bus.saved([driver.controller])
        #expect(driver.controller.close().isEmpty)

        let bus = GuestBus(copying: driver.bus)
        let controller = StorageController(instance: StorageGuest.instance, pump: bus.makePump())
        controller.setDisks([0: ScsiDisk(try again(), fallbackIdentifier: [1])])
        #expect(bus.server.add(controller))
        try bus.restore(saved, [controller])
        let other = Driver(
            bus: bus, controller: controller, channels: driver.channels.map { bus.channel(copying: $0) }, buffer: driver.buffer)
        controller.resumeRequests()
        bus.run()
        #expect(other.channels[1].receive()?.transaction == number)
        #expect(try other.read(5, 8192, channel: 2) == [UInt8](repeating: 0xAB, count: 8192))
        #expect(try other.read(100, 4096) == [UInt8](repeating: 0xCD, count: 4096))
        #expect(bus.notes == [])
    }

    @Test func theDriverIsUnloadedAndLoadedAgain() throws {
        let (disk, _) = try Self.file(1 << 20)
        let driver = try Driver.start([0: ScsiDisk(disk, fallbackIdentifier: [1])])
        for channel in driver.channels.reversed() { #expect(driver.bus.close(channel)) }
        let channel = try #require(driver.bus.open(driver.channels[0].offer, sendPages: 4, receivePages: 4))
        driver.channels = [channel]
        #expect(driver.control(10) == 0xC000_0184)
        #expect(driver.control(7) == 0)
    }
}
