import Basics
import DeviceModel
import Services
import VMBusTestSupport

extension FuzzTarget {
    /// Each integration service against a guest that answers as it likes.
    static let integrationTargets: [FuzzTarget] = [
        FuzzTarget("shutdown", integrationSummary, seeds: IntegrationSeeds.all) { bytes in
            IntegrationCase(bytes) { ShutdownService(pump: $0) }.run { service, input, asked in
                let kind: ShutdownService.Kind = input.flag() ? .powerOff : .restart
                service.requestShutdown(kind, force: input.flag(), reason: "fuzz") { _ in asked.answer() }
                return 1
            }
        },
        FuzzTarget("heartbeat", integrationSummary, seeds: IntegrationSeeds.all) { bytes in
            IntegrationCase(bytes) { HeartbeatService(pump: $0) }.run { _, _, _ in 0 }
        },
        FuzzTarget("time-synchronization", integrationSummary, seeds: IntegrationSeeds.all) { bytes in
            let clock = StandingClock()
            IntegrationCase(bytes) { TimeSynchronizationService(pump: $0, wallClock: clock) }.run { service, _, _ in
                service.resynchronize()
                return 0
            }
        },
        FuzzTarget("key-value-exchange", integrationSummary, maximumLength: 8192, seeds: IntegrationSeeds.all) { bytes in
            IntegrationCase(bytes) { pump -> KeyValueExchangeService in
                let service = KeyValueExchangeService(pump: pump)
                service.setAdapters([GuestAdapter(id: IntegrationSeeds.adapter, macAddress: [2, 0, 0, 0, 0, 1])])
                return service
            }.run { keyValueRequest($0, &$1, $2) }
        },
        FuzzTarget("vss", integrationSummary, seeds: IntegrationSeeds.all) { bytes in
            IntegrationCase(bytes) { VSSService(pump: $0) }.run { service, input, asked in
                switch input.choice(3) {
                case 0: service.freeze { _ in asked.answer() }
                case 1: service.thaw { _ in asked.answer() }
                default: service.checkHotBackup { _ in asked.answer() }
                }
                return 1
            }
        },
        FuzzTarget("file-copy", integrationSummary, seeds: IntegrationSeeds.all) { bytes in
            IntegrationCase(bytes) { GuestFileCopyService(pump: $0) }.run { service, input, asked in
                if input.byte() == 0xFF {
                    service.cancel()
                    return 0
                }
                let size = UInt64(input.number(UInt16.self))
                let source = GuestFileCopy(destination: "/tmp/f", size: size, overwrite: input.flag(), createPath: input.flag()) {
                    _, count in
                    [UInt8](repeating: 0, count: count)
                }
                service.copy(source, progress: { _ in }, completion: { _ in asked.answer() })
                return 1
            }
        },
    ]

    private static let integrationSummary = "steps: the guest's answers (the request with changes, or anything), the host's requests, time"

    private static func keyValueRequest(_ service: KeyValueExchangeService, _ input: inout FuzzInput, _ asked: IntegrationAnswers) -> Int {
        switch input.choice(4) {
        case 0: service.refresh { _ in asked.answer() }
        case 1: service.setHostItem(key: "key", value: "value") { _ in asked.answer() }
        case 2: service.removeHostItem(key: "key") { _ in asked.answer() }
        default:
            let settings = GuestAddressSettings(
                adapter: IntegrationSeeds.adapter, dhcp: input.flag(), family: .ipv4, addresses: ["10.0.0.2"], subnets: ["255.0.0.0"],
                gateways: ["10.0.0.1"], dnsServers: ["10.0.0.1"])
            service.setAddresses(settings) { _ in asked.answer() }
        }
        return 1
    }
}

/// How often the host was answered.
final class IntegrationAnswers {
    private(set) var count = 0
    func answer() { count += 1 }
}

final class StandingClock: WallClock {
    let unixNanoseconds: Int64 = 1_700_000_000_000_000_000
}

enum IntegrationSeeds {
    static let adapter = GUID(bytes: [UInt8](repeating: 3, count: 16))

    /// Negotiate, ask, answer; with time, a close, a save between.
    static func all() -> [[UInt8]] {
        let negotiate: [UInt8] = [1, 0, 0]
        let ask: [UInt8] = [2, 0, 16, 1, 1]
        let good: [UInt8] = [6, 0, 0]
        let status: [UInt8] = [6, 0, 1, 20, 0, 5]
        let changed: [UInt8] = [6, 0, 3, 28, 0, 3, 29, 0, 1, 60, 1, 65]
        let raw: [UInt8] = [7, 40] + [UInt8](repeating: 0, count: 40)
        let second: [UInt8] = [3, 5]
        return [
            negotiate + ask + good + good, negotiate + ask + status + ask + changed + second + good,
            negotiate + good + second + good + second,
            negotiate + ask + [5] + good + ask + [0] + negotiate + ask + good, raw + negotiate + ask + [4, 0] + good + [4, 1] + good,
            negotiate + (0..<24).flatMap { _ in good } + [3, 60] + (0..<24).flatMap { _ in changed },
        ]
    }
}
