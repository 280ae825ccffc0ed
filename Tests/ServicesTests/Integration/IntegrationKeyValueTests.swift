import Basics
import Services
import Testing

/// hv_kvp_daemon as far as it matters: pools, and adapters by MAC address or GUID.
final class KeyValueDaemon {
    var isPresent = true
    var auto: [(String, String)] = [
        ("FullyQualifiedDomainName", "server.example"), ("IntegrationServicesVersion", "3.1"), ("NetworkAddressIPv4", ""),
        ("NetworkAddressIPv6", "fe80::1"), ("OSBuildNumber", "6.1.0-18-cloud-amd64"), ("OSName", "Debian GNU/Linux"),
        ("OSMajorVersion", "12"), ("OSMinorVersion", ""), ("OSVersion", "6.1.0-18"), ("ProcessorArchitecture", "x86_64"),
    ]
    var pools: [UInt8: [(String, String)]] = [0: [], 1: [("backup", "done"), ("größe", "3 GiB")]]
    var adapters: [String: (addresses: String, subnets: String, gateways: String, servers: String, dhcp: Bool)] = [:]
    var settings: [String: String] = [:]
    /// Requests by operation.
    var requests: [UInt8: Int] = [:]
    /// Changes an answer after it was made.
    var spoil: ((inout [UInt8]) -> Void)?

    func handle(_ body: inout [UInt8]) -> UInt32 {
        requests[body[0], default: 0] += 1
        guard isPresent else { return 0x8000_4005 }
        let status = answer(&body)
        spoil?(&body)
        return status
    }

    private func answer(_ body: inout [UInt8]) -> UInt32 {
        let pool = body[1]
        switch body[0] {
        case 1:
            let (key, value) = (body.text(at: 16), body.text(at: 528))
            pools[pool, default: []].removeAll { $0.0 == key }
            pools[pool, default: []].append((key, value))
            return 0
        case 2:
            let key = body.text(at: 8)
            guard pools[pool, default: []].contains(where: { $0.0 == key }) else { return 0x8007_0103 }
            pools[pool, default: []].removeAll { $0.0 == key }
            return 0
        case 3:
            let items = pool == 2 ? auto : pools[pool, default: []]
            let index = Int(body.get(UInt32.self, at: 4))
            guard index < items.count else { return 0x8007_0103 }
            body.set(UInt32(1), at: 8)
            body.set(UInt32((items[index].0.utf16.count + 1) * 2), at: 12)
            body.set(UInt32((items[index].1.utf16.count + 1) * 2), at: 16)
            body.set(text: items[index].0, at: 20)
            body.set(text: items[index].1, at: 532)
            return 0
        case 4:
            guard let adapter = adapters[body.text(at: 2)] else { return 0x8000_4005 }
            body[258] = 3
            body[259] = adapter.dhcp ? 1 : 0
            body.set(text: adapter.addresses, at: 260)
            body.set(text: adapter.subnets, at: 2308)
            body.set(text: adapter.gateways, at: 4356)
            body.set(text: adapter.servers, at: 5380)
            return 0
        case 5:
            settings[body.text(at: 2)] = body.text(at: 260)
            return body.text(at: 2).hasPrefix("{f86") ? 0 : 0x8004_1002
        default: return 0x8007_0032
        }
    }
}

@Suite struct KeyValueExchangeServiceTests {
    private let daemon = KeyValueDaemon()

    private func bench() -> IntegrationBench<KeyValueExchangeService> {
        let daemon = daemon
        var driver = LinuxDriver(versions: [(4, 0), (3, 0), (1, 0)])
        driver.handle = { daemon.handle(&$0) }
        return IntegrationBench(driver) { KeyValueExchangeService(pump: $0) }
    }

    @Test func theGuestTellsOfItself() throws {
        let bench = bench()
        let adapter = GUID()
        bench.device.setAdapters([GuestAdapter(id: adapter, macAddress: [0, 0x15, 0x5d, 1, 0xab, 3])])
        daemon.adapters["00:15:5D:01:AB:03"] = (
            "192.168.7.2;fe80::215:5dff:fe01:ab03", "255.255.255.0;/64;", "192.168.7.1;", "192.168.7.1;\n", true
        )
        daemon.auto[2].1 = "192.168.7.2"
        var told: [GuestInformation] = []
        bench.device.onChange = { told.append($0) }
        bench.open()
        bench.answerAll()
        let information = bench.device.information
        #expect(told == [information])
        #expect(information.isDaemonPresent)
        #expect(information.osName == "Debian GNU/Linux")
        #expect(information.osMinorVersion == "")
        #expect(information.fullyQualifiedDomainName == "server.example")
        #expect(information.ipv4Addresses == ["192.168.7.2"])
        #expect(information.guest == [KeyValuePair(key: "backup", value: "done"), KeyValuePair(key: "größe", value: "3 GiB")])
        #expect(information.host.isEmpty)
        let addresses = try #require(information.adapters.first)
        #expect(addresses.adapter == adapter && addresses.dhcp)
        #expect(addresses.addresses == ["192.168.7.2", "fe80::215:5dff:fe01:ab03"])
        #expect(addresses.subnets == ["255.255.255.0", "/64"])
        #expect(addresses.gateways == ["192.168.7.1"] && addresses.dnsServers == ["192.168.7.1"])
        #expect(information.addresses(of: adapter).count == 2 && information.addresses(of: GUID()).isEmpty)
        bench.close()
        #expect(bench.device.information == GuestInformation())
        #expect(told.last == GuestInformation())
    }

    @Test func aNewAddressIsSeenWithinTenSecondsAndAdaptersAreAskedOnlyThen() {
        let bench = bench()
        bench.device.setAdapters([GuestAdapter(id: GUID(), macAddress: [2, 0, 0, 0, 0, 1])])
        daemon.adapters["02:00:00:00:00:01"] = ("", "", "", "", false)
        daemon.auto[2].1 = "10.1.1.9"
        bench.open()
        bench.answerAll()
        #expect(daemon.requests[4] == 1)
        let first = daemon.requests[3] ?? 0
        bench.advance(seconds: 50, answering: true)
        // Two items in each of five short rounds.
        #expect(daemon.requests[3] == first + 10)
        #expect(daemon.requests[4] == 1)
        daemon.auto[2].1 = "10.1.1.1"
        daemon.adapters["02:00:00:00:00:01"]?.addresses = "10.1.1.1"
        bench.advance(seconds: 10, answering: true)
        #expect(bench.device.information.ipv4Addresses == ["10.1.1.1"])
        #expect(bench.device.information.adapters.first?.addresses == ["10.1.1.1"])
        #expect(daemon.requests[4] == 2)
        var outcome: Result<Void, IntegrationError>?
        bench.device.refresh { outcome = $0 }
        bench.answerAll()
        #expect(outcome?.isSuccess == true)
        #expect(daemon.requests[4] == 3)
    }

    @Test func theFirstAddressIsSeenWithinTwoSeconds() {
        let bench = bench()
        bench.open()
        bench.answerAll()
        bench.advance(seconds: 31, answering: true)
        daemon.auto[2].1 = "10.1.1.1"
        bench.advance(seconds: 2, answering: true)
        #expect(bench.device.information.ipv4Addresses == ["10.1.1.1"])
        daemon.auto[2].1 = ""
        bench.advance(seconds: 120, answering: true)
        let asked = daemon.requests[3] ?? 0
        bench.advance(seconds: 20, answering: true)
        #expect(daemon.requests[3] == asked + 4)
    }

    @Test func pairsGoToTheGuestAndComeBack() {
        let bench = bench()
        bench.open()
        bench.answerAll()
        var outcomes: [Result<Void, IntegrationError>] = []
        bench.device.setHostItem(key: "role", value: "web") { outcomes.append($0) }
        bench.device.setHostItem(key: "role", value: "db") { outcomes.append($0) }
        bench.device.setHostItem(key: "", value: "x") { outcomes.append($0) }
        bench.device.setHostItem(key: "nul\u{0}", value: "x") { outcomes.append($0) }
        bench.device.setHostItem(key: String(repeating: "k", count: 256), value: "x") { outcomes.append($0) }
        bench.device.setHostItem(key: "long", value: String(repeating: "ä", count: 1023)) { outcomes.append($0) }
        bench.device.setHostItem(key: "long", value: String(repeating: "x", count: 1024)) { outcomes.append($0) }
        bench.device.removeHostItem(key: "absent") { outcomes.append($0) }
        bench.answerAll()
        #expect(outcomes.filter(\.isSuccess).count == 3)
        #expect(outcomes.compactMap(\.error?.code).filter { $0 == .invalidArgument }.count == 4)
        #expect(outcomes.last?.error?.code == .notFound)
        bench.advance(seconds: 10, answering: true)
        #expect(bench.device.information.host.first == KeyValuePair(key: "role", value: "db"))
        bench.device.removeHostItem(key: "role") { outcomes.append($0) }
        bench.answerAll()
        #expect(outcomes.last?.isSuccess == true && daemon.pools[0]?.contains { $0.0 == "role" } == false)
    }

    @Test func addressesAreSetByTheAdaptersGUID() throws {
        let bench = bench()
        bench.open()
        bench.answerAll()
        var outcomes: [Result<Void, IntegrationError>] = []
        let known = try #require(GUID("f8615163-df3e-46c5-913f-f2d2f965ed0e"))
        bench.device.setAddresses(GuestAddressSettings(adapter: known, dhcp: false, family: .ipv4, addresses: ["10.0.0.9"])) {
            outcomes.append($0)
        }
        bench.device.setAddresses(GuestAddressSettings(adapter: GUID(bytes: Array(repeating: 1, count: 16)), dhcp: true, family: .ipv4)) {
            outcomes.append($0)
        }
        bench.device.setAddresses(
            GuestAddressSettings(adapter: known, dhcp: false, family: .ipv4, addresses: Array(repeating: "10.0.0.9", count: 200))
        ) { outcomes.append($0) }
        bench.answerAll()
        #expect(daemon.settings["{f8615163-df3e-46c5-913f-f2d2f965ed0e}"] == "10.0.0.9")
        #expect(outcomes.compactMap(\.error?.code) == [.invalidArgument, .notFound])
        #expect(outcomes.filter(\.isSuccess).count == 1)
    }

    @Test func aDaemonMayComeAndGo() {
        daemon.isPresent = false
        let bench = bench()
        bench.open()
        bench.answerAll()
        #expect(!bench.device.information.isDaemonPresent)
        var outcome: Result<Void, IntegrationError>?
        bench.device.refresh { outcome = $0 }
        bench.answerAll()
        #expect(outcome?.error?.code == .refused)
        #expect(outcome?.error?.recommendedAction?.contains("hyperv-daemons") == true)
        let asked = daemon.requests[3] ?? 0
        bench.advance(seconds: 30, answering: true)
        #expect(daemon.requests[3] == asked + 3)
        daemon.isPresent = true
        bench.advance(seconds: 10, answering: true)
        #expect(bench.device.information.osName == "Debian GNU/Linux")
        daemon.isPresent = false
        bench.advance(seconds: 10, answering: true)
        #expect(!bench.device.information.isDaemonPresent)
        #expect(bench.device.information.osName == "Debian GNU/Linux")
    }

    @Test func aGuestThatDoesNotAnswerIsWaitedForOnceAtATime() {
        let bench = bench()
        bench.open()
        bench.answerAll()
        var outcomes: [Result<Void, IntegrationError>] = []
        for number in 0..<40 { bench.device.setHostItem(key: "\(number)", value: "") { outcomes.append($0) } }
        #expect(bench.unanswered.count == 1)
        // One is under way, 16 wait.
        #expect(outcomes.compactMap(\.error?.code) == Array(repeating: .busy, count: 23))
        bench.advance(seconds: 60)
        #expect(outcomes.last?.error?.code == .timedOut)
        bench.close()
        #expect(outcomes.count == 40)
        #expect(outcomes.last?.error?.code == .disconnected)
    }

    @Test func hostileSizesAndTextAreCut() {
        let bench = bench()
        daemon.auto = [("k", "v")]
        daemon.spoil = { body in
            guard body[0] == 3, body[1] == 2 else { return }
            body.set(UInt32.max, at: 12)
            body.set(UInt32.max, at: 16)
            for offset in 20..<2580 { body[offset] = 0xd8 }
        }
        bench.open()
        bench.answerAll()
        #expect(bench.device.information.intrinsic.first?.key == String(repeating: "\u{fffd}", count: 256))
        #expect(bench.device.information.intrinsic.first?.value.unicodeScalars.count == 1024)
    }

    @Test func aPoolWithoutEndIsCut() {
        let bench = bench()
        daemon.pools[1] = (0..<5000).map { ("\($0)", String(repeating: "x", count: 1000)) }
        bench.open()
        bench.answerAll()
        #expect(bench.device.information.isTruncated)
        #expect(bench.device.information.guest.count == 256)
        #expect(bench.device.information.osName == "Debian GNU/Linux")
    }

    @Test func numbersAreText() {
        let bench = bench()
        daemon.auto = [("a", ""), ("b", ""), ("c", ""), ("d", "x")]
        daemon.spoil = { body in
            guard body[0] == 3, body[1] == 2 else { return }
            let index = body.get(UInt32.self, at: 4)
            body.set([UInt32(4), 11, 8, 99][Int(min(index, 3))], at: 8)
            body.set(UInt64(7_000_000_000), at: 532)
        }
        bench.open()
        bench.answerAll()
        // The last one is of a type nobody knows.
        #expect(bench.device.information.intrinsic.map(\.value) == [String(7_000_000_000 % (1 << 32)), "7000000000", "7000000000"])
    }
}
