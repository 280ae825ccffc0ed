import CHost
import DeviceModel
import Glibc
import Services
import VMBus
import VMBusTestSupport

extension FuzzTarget {
    static let dynamicMemory = FuzzTarget(
        "dynamic-memory", "messages of a guest's balloon driver, changes of settings, time", maximumLength: 2048,
        seeds: {
            let version: [UInt8] = [0, 1, 0, 8, 0, 0, 2, 0, 0, 0, 0, 0]
            let capabilities: [UInt8] = [0, 3, 0, 16, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
            // Pages that the guest has free, and those that it uses.
            func status(_ used: UInt8) -> [UInt8] {
                [0, 5, 0, 40] + [1, 0, 0, 0, 0, 0, 0, 0] + [0, used, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 24)
            }
            // More to come or not, ranges of a page number and a count.
            let balloon: [UInt8] = [0, 7, 0, 24, 0, 0, 0, 0, 4, 0, 0, 0] + [0, 1, 0, 0, 0, 16, 0, 0] + [0, 48, 0, 0, 0, 8, 0, 0]
            let returned: [UInt8] = [0, 9, 0, 0]
            let added: [UInt8] = [0, 11, 0, 8, 0, 128, 0, 0, 1, 0, 0, 0]
            let start = version + capabilities
            return [
                start + status(1) + balloon + [2] + status(40) + status(40) + returned,
                start + status(200) + added + [2] + status(255) + added,
                start + status(1) + balloon + [5] + start + status(200) + added + [5],
            ]
        },
        run: { bytes in
            var input = FuzzInput(bytes)
            let clock = ManualClock()
            let pump = ManualPump(clock: clock)
            guard let memory = try? GuestMemory(size: 64 << 20, capacity: 512 << 20) else { return }
            let host = FuzzHost(memory: memory)
            let settings = DynamicMemoryService.Settings(isEnabled: true, minimum: 2 << 20, maximum: 512 << 20, buffer: 20)
            var service = DynamicMemoryService(settings: settings, memory: memory, pump: pump)
            service.attached(to: host)
            var channel = FuzzChannel()
            _ = service.opened(channel, userData: [])
            for _ in 0..<96 where !input.isEmpty {
                switch input.choice(6) {
                case 0:
                    // Header: type, size, transaction.
                    let kind = input.number(UInt16.self)
                    let body = input.take(Int(input.byte() & 127))
                    channel.put(little(kind) + little(UInt16(8 + body.count)) + little(UInt32(1)) + body)
                    service.ringChanged(channel)
                case 1:
                    service.set(
                        .init(
                            isEnabled: input.flag(), minimum: UInt64(input.byte()) << 21, maximum: UInt64(input.byte()) << 21,
                            buffer: Int(input.byte()) * 8))
                case 2:
                    guard let saved = try? service.savedUnit() else { fatalError("it can always be saved") }
                    service = DynamicMemoryService(settings: settings, memory: memory, pump: pump)
                    service.attached(to: host)
                    service.reopened(channel)
                    guard (try? service.restore(from: saved)) != nil else { fatalError("what was saved can be restored") }
                case 3:
                    clock.nanoseconds += UInt64(input.byte()) * 1_000_000_000
                    pump.run()
                case 4:
                    channel.put(input.take(Int(input.byte())))
                    service.ringChanged(channel)
                default:
                    channel.end()
                    service.closed(channel)
                    channel = FuzzChannel()
                    _ = service.opened(channel, userData: [])
                }
                pump.run()
                promise(service.assigned <= 512 << 20 && memory.size <= 512 << 20, "the guest gets no more than its maximum")
                _ = (service.demand, service.statusWord)
            }
        })

    static let keyboard = FuzzTarget(
        "keyboard", "messages of a guest's keyboard driver, keys of the host", maximumLength: 1024,
        seeds: { [[0, 8, 1, 0, 0, 0, 0, 0, 1, 0, 1, 3, 0, 2, 0, 8, 4, 0, 0, 0, 7, 0, 0, 0], [1, 200, 0, 8, 1, 0, 0, 0, 0, 0, 1, 0, 2]] },
        run: { bytes in
            var input = FuzzInput(bytes)
            let pump = ManualPump()
            var keyboard = SyntheticKeyboard(pump: pump)
            var channel = FuzzChannel()
            _ = keyboard.opened(channel, userData: [])
            for _ in 0..<128 where !input.isEmpty {
                switch input.choice(6) {
                case 0, 1:
                    channel.put(input.take(Int(input.byte() & 31)))
                    keyboard.ringChanged(channel)
                case 2: _ = keyboard.type(scanCodes: input.take(Int(input.byte())))
                case 3: _ = keyboard.type(text: String(decoding: input.take(Int(input.byte() & 31)), as: UTF8.self))
                case 4: channel.places = input.flag() ? 0 : 1000
                default:
                    guard let saved = try? keyboard.savedUnit() else { fatalError("it can always be saved") }
                    if input.flag() {
                        channel.end()
                        keyboard.closed(channel)
                        channel = FuzzChannel()
                        _ = keyboard.opened(channel, userData: [])
                    } else {
                        keyboard = SyntheticKeyboard(pump: pump)
                        keyboard.reopened(channel)
                        guard (try? keyboard.restore(from: saved)) != nil else { fatalError("what was saved can be restored") }
                    }
                }
                pump.run()
            }
        })
}
