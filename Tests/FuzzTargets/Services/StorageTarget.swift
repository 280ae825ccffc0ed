import Basics
import DeviceModel
import Services
import Storage
import VMBus
import VMBusTestSupport

extension FuzzTarget {
    /// storvsc packets and SCSI command blocks on two disks and two DVD drives, with failing disks, hot add and remove.
    static let storage = FuzzTarget(
        "storage", "steps: vstor packets, SCSI commands with buffers anywhere, hot plugging, disk failures, saves", maximumLength: 2048,
        seeds: StorageCase.seeds
    ) { bytes in StorageCase(bytes).run() }
}

private final class StorageCase {
    private static let limit = 96
    private static let ram = FuzzMemory(size: 8 << 20, used: 0)
    private static let instance = GUID(bytes: [UInt8](repeating: 9, count: 16))
    private static let commands: [UInt8] = [
        0x00, 0x03, 0x08, 0x0A, 0x12, 0x1A, 0x1B, 0x1E, 0x25, 0x28, 0x2A, 0x2E, 0x2F, 0x35, 0x41, 0x42, 0x43, 0x46, 0x4A, 0x51, 0x52, 0x5A,
        0x88, 0x8A, 0x8E, 0x8F, 0x91, 0x93, 0x9E, 0xA0, 0xA3, 0xA8, 0xAA, 0xAE, 0xAF, 0xBD,
    ]
    private var input: FuzzInput
    private let pump = ManualPump()
    private let host = FuzzHost(memory: StorageCase.ram.memory)
    private var controller: StorageController
    private var channels: [FuzzChannel] = []
    private let disk = MemoryDisk(sectors: 256)
    private let large = MemoryDisk(sectors: 32, sectorSize: 4096)
    private var asked = 0
    private var transaction: UInt64 = 0

    init(_ bytes: [UInt8]) {
        input = FuzzInput(bytes)
        controller = StorageController(instance: Self.instance, pump: pump)
        let medium = MemoryDisk(sectors: 16, sectorSize: 2048)
        medium.isReadOnly = true
        link([
            0: ScsiDisk(disk, fallbackIdentifier: [UInt8](repeating: 1, count: 16)), 1: ScsiDVD(medium), 2: ScsiDVD(nil),
            63: ScsiDisk(large, fallbackIdentifier: []),
        ])
    }

    private func link(_ targets: [Int: any ScsiTarget]) {
        controller.setDisks(targets)
        controller.attached(to: host)
        controller.onDiskFull = { _, _ in }
        controller.onTrouble = { _ in }
    }

    func run() {
        open()
        for _ in 0..<Self.limit where !input.isEmpty { step() }
        // Whatever was asked is answered once disks and rings have room.
        (disk.failure, disk.readFailure) = (nil, nil)
        for channel in channels { channel.places = 100_000 }
        controller.resumeRequests()
        turn()
        if !channels.contains(where: { $0.failure != nil }) {
            promise(!controller.isHoldingRequest, "nothing is kept for ever")
            promise(channels.reduce(0) { $0 + $1.completions } == asked, "each packet is answered once")
        }
        for channel in channels.reversed() {
            channel.end()
            controller.closed(channel)
        }
        channels = []
        open()
        promise(channels[0].completions == 4, "a new driver is served")
        _ = controller.close()
    }

    /// The sequence of Linux' driver: begin, version 6.2, properties, end.
    private func open() {
        channels = [FuzzChannel()]
        asked = 0
        promise(controller.opened(channels[0], userData: []), "the channel opens")
        for (operation, body) in [(7, []), (9, [2, 6, 0, 0]), (10, []), (8, [])] as [(UInt32, [UInt8])] { packet(operation, body) }
    }

    private func packet(_ operation: UInt32, _ body: [UInt8]) {
        var bytes = [UInt8](repeating: 0, count: 64)
        bytes.put(operation, at: 0)
        bytes.put(UInt32(1), at: 4)
        bytes.overwrite(12, with: body)
        send(bytes, [])
    }

    private func send(_ bytes: [UInt8], _ ranges: [GuestRange]) {
        let channel = channels[input.choice(channels.count)]
        transaction += 1
        asked += 1
        channel.put(bytes, kind: ranges.isEmpty ? .inBand : .direct, transaction: transaction, wanted: true, ranges: ranges)
        controller.ringChanged(channel)
        pump.run()
        if let answer = channel.completed.last { promise(answer.count == 64, "answers have one size") }
    }

    private func turn() {
        for _ in 0..<64 {
            for channel in channels { controller.ringChanged(channel) }
            if !pump.run(), !channels.contains(where: { $0.hasWaiting && $0.isOpen }) { return }
        }
    }

    private func step() {
        switch input.choice(16) {
        case 0: packet(UInt32(input.byte() & 15), input.take(52))
        case 1: send(input.take(Int(input.byte())), ranges())
        case 2: disk.failure = [nil, DiskError(.full, "full"), DiskError(.failed, "broken")][input.choice(3)]
        case 3: disk.readFailure = [nil, DiskError(.failed, "broken")][input.choice(2)]
        case 4: controller.resumeRequests()
        case 5:
            if channels.count < 4 {
                let channel = FuzzChannel(index: channels.count)
                if controller.opened(channel, userData: []) { channels.append(channel) }
            }
        case 6: plug()
        case 7: restore()
        case 8: for channel in channels { channel.places = input.flag() ? 0 : 100_000 }
        default: command()
        }
        pump.run()
    }

    private func plug() {
        let location = input.choice(64)
        switch input.choice(4) {
        case 0: try? controller.attach(location: location, ScsiDisk(MemoryDisk(sectors: 8), fallbackIdentifier: []))
        case 1: if location != 0 { _ = try? controller.detach(location: location) }
        case 2: try? controller.insert(MemoryDisk(sectors: 4, sectorSize: 2048), location: location)
        default: try? controller.eject(location: location)
        }
    }

    private func command() {
        var block = input.padded(16)
        if block[0] & 0x80 == 0 || block[15] & 1 == 0 { block[0] = Self.commands[Int(block[0]) % Self.commands.count] }
        let ranges = ranges()
        let room = ranges.reduce(0) { $0 + $1.count }
        var bytes = [UInt8](repeating: 0, count: 64)
        bytes.overwrite(0, with: [3, 0, 0, 0, 1, 0, 0, 0])
        bytes.overwrite(12, with: [52])
        bytes[18] = input.byte() < 0xF8 ? 0 : input.byte()
        bytes[19] = [0, 0, 0, 0, 1, 1, 2, 63, 5][input.choice(9)]
        bytes[20] = input.byte() < 0xF0 ? 16 : input.byte()
        bytes[21] = input.byte() < 0xC0 ? 20 : input.byte()
        bytes[22] = input.byte() & 3
        bytes.put(input.byte() < 0xC0 ? UInt32(room) : input.interesting(), at: 24)
        bytes.overwrite(28, with: block)
        send(bytes, ranges)
    }

    /// Runs of guest memory as the bus gives them: inside RAM.
    private func ranges() -> [GuestRange] {
        (0..<Int(input.byte() & 7)).map { _ in
            let count = input.flag() ? Int(input.number(UInt16.self)) : Int(input.byte()) * 512
            return GuestRange(address: UInt64(input.number(UInt16.self)) * 96, count: count)
        }
    }

    private func restore() {
        guard let saved = try? controller.savedUnit() else { fatalError("it can always be saved") }
        promise(saved.payload.utf8.count < 8 << 20, "the state stays small")
        let targets = controller.targets
        controller = StorageController(instance: Self.instance, pump: pump)
        link(targets)
        for channel in channels { controller.reopened(channel) }
        guard (try? controller.restore(from: saved)) != nil else { fatalError("what was saved can be restored") }
        controller.resumeRequests()
    }

    static func seeds() -> [[UInt8]] {
        /// A command on the first disk with one buffer of so many sectors.
        func command(_ block: [UInt8], sectors: UInt8, direction: UInt8) -> [UInt8] {
            [15] + block + [UInt8](repeating: 0, count: 16 - block.count) + [1, 0, sectors, 16, 0, 0, 0, 0, 0, direction, 0, 0]
        }
        func index(_ code: UInt8) -> UInt8 { UInt8(commands.firstIndex(of: code) ?? 0) }
        let read = command([index(0x28), 0, 0, 0, 0, 1, 0, 0, 2], sectors: 2, direction: 1)
        let write = command([index(0x2A), 0, 0, 0, 0, 1, 0, 0, 2], sectors: 2, direction: 0)
        let inquiry = command([index(0x12), 1, 0xB0, 0, 255], sectors: 1, direction: 1)
        let unmap = command([index(0x42), 0, 0, 0, 0, 0, 0, 0, 24], sectors: 1, direction: 0)
        let mode = command([index(0x1A), 0, 0x3F, 0, 255], sectors: 1, direction: 1)
        let full: [UInt8] = [2, 1] + write + [7, 2, 0, 4]
        return [
            read + write, inquiry + unmap + mode, full + read, [5, 5] + read + [6, 5, 0] + write + [6, 5, 1] + inquiry,
            [8, 1] + read + read + [7, 8, 0],
        ]
    }
}
