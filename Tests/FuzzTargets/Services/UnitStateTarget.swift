import Basics
import DeviceModel
import FoundationEssentials
import Services
import Storage
import VMBus
import VMBusTestSupport

extension FuzzTarget {
    /// Saved states of every service, changed by somebody who can write the file.
    static let serviceStates = FuzzTarget(
        "service-states", "which service, then its saved state as text", maximumLength: 16384, seeds: UnitStateCase.seeds
    ) { UnitStateCase.run($0) }
}

private enum UnitStateCase {
    private static let ram = FuzzMemory(size: 4 << 20, used: 0)
    private static let instance = GUID(bytes: [UInt8](repeating: 9, count: 16))

    private static func units(_ pump: ManualPump) -> [any StatefulUnit & VMBusDevice] {
        let controller = StorageController(instance: instance, pump: pump)
        controller.setDisks([0: ScsiDisk(MemoryDisk(sectors: 8), fallbackIdentifier: []), 1: ScsiDVD(nil)])
        let settings = NetworkAdapterSettings(instance: instance, address: [2, 0, 0, 0, 0, 1])
        let memory = DynamicMemoryService.Settings(isEnabled: true, minimum: 1 << 20, maximum: 4 << 20, buffer: 20)
        return [
            ShutdownService(pump: pump), HeartbeatService(pump: pump), TimeSynchronizationService(pump: pump, wallClock: StandingClock()),
            KeyValueExchangeService(pump: pump), VSSService(pump: pump), GuestFileCopyService(pump: pump), SyntheticKeyboard(pump: pump),
            DynamicMemoryService(settings: memory, memory: ram.memory, pump: pump), controller,
            NetworkAdapter(settings, pump: pump, port: FuzzPort()),
        ]
    }

    private static func buffers(_ channel: FuzzChannel) {
        for gpadl: UInt32 in 1...2 {
            let pages = (0..<64).map { 0x100 + UInt64(gpadl) * 64 + $0 }
            channel.buffers[gpadl] = GuestBuffer(gpadl: gpadl, pages: pages, firstOffset: 0, count: 64 * 4096, memory: ram.memory)
        }
    }

    static func run(_ bytes: [UInt8]) {
        let pump = ManualPump()
        let all = units(pump)
        let unit = all[Int(bytes.first ?? 0) % all.count]
        let channel = FuzzChannel()
        buffers(channel)
        unit.attached(to: FuzzHost(memory: ram.memory))
        unit.reopened(channel)
        let text = String(decoding: bytes.dropFirst(), as: UTF8.self)
        guard (try? unit.restore(from: UnitState(name: unit.unitName, version: 1, payload: text))) != nil else { return }
        (unit as? StorageController)?.resumeRequests()
        pump.run()
        for _ in 0..<4 {
            unit.ringChanged(channel)
            if var packet = channel.sent.last, packet.count > 28 {
                packet.overwrite(25, with: [5])
                channel.put(packet)
            } else {
                channel.put([UInt8](repeating: 0, count: 64), transaction: 3, wanted: true)
            }
            unit.ringChanged(channel)
            for transaction in channel.transfers { channel.put([108, 0, 0, 0, 1, 0, 0, 0], kind: .completion, transaction: transaction) }
            if let next = pump.nextDeadline { (pump.clock as? ManualClock)?.nanoseconds = max(pump.clock.nanoseconds, next) }
            pump.run()
        }
        _ = try? unit.savedUnit()
        channel.end()
        unit.closed(channel)
        pump.run()
    }

    /// States in the middle of a conversation.
    static func seeds() -> [[UInt8]] {
        let count = units(ManualPump()).count
        return (0..<count).flatMap { index -> [[UInt8]] in
            let pump = ManualPump()
            let unit = units(pump)[index]
            let channel = FuzzChannel()
            unit.attached(to: FuzzHost(memory: ram.memory))
            var seeds: [[UInt8]] = []
            func save() { if let saved = try? unit.savedUnit() { seeds.append([UInt8(index)] + saved.payload.utf8) } }
            save()
            _ = unit.opened(channel, userData: [])
            unit.ringChanged(channel)
            save()
            if var packet = channel.sent.last, packet.count >= 44 {
                packet.put(UInt16(16), at: 18)
                packet.overwrite(25, with: [5])
                packet.overwrite(40, with: Array(packet[(36 + Int(packet[28]) * 4)...].prefix(4)))
                packet.overwrite(28, with: [1, 0, 1, 0])
                channel.put(packet)
                unit.ringChanged(channel)
                pump.run()
            }
            save()
            return seeds
        }
    }
}
