import Network
import Testing

@Suite struct LearningSwitchTests {
    /// A switch with these ports, numbered from 0.
    private func make(_ ports: PortSettings...) throws -> LearningSwitch {
        var core = LearningSwitch()
        for port in ports { _ = core.add(try PortRules(port)) }
        return core
    }

    private let aToB = TestFrame.udp(from: macA, to: macB)
    private let bToA = TestFrame.udp(from: macB, to: macA, source: [10, 0, 0, 2], destination: [10, 0, 0, 1])
    private let broadcast = TestFrame.udp(from: macA, to: everybody)

    @Test func learnsAndForgets() throws {
        var core = try make(settings(macA), settings(macB), settings(macC))
        #expect(core.ports(aToB, from: 0) == [1, 2], "an unknown address is flooded")
        #expect(core.ports(bToA, from: 1) == [0], "and was learned meanwhile")
        #expect(core.ports(aToB, from: 0) == [1])
        #expect(core.ports(broadcast, from: 0) == [1, 2])
        #expect(core.ports(TestFrame.udp(from: macA, to: 0x0100_5E00_0001), from: 0) == [1, 2])
        #expect(core.ports(aToB, from: 0, now: ForwardingTable.lifetime + 1) == [1, 2], "an old address is forgotten")
        core.remove(1)
        #expect(core.ports(aToB, from: 0) == [2])
        #expect(core.counters(0).sentFrames == 6)
    }

    @Test func aPortCannotFillTheTable() throws {
        var core = try make(settings(macA) { $0.macAddressSpoofing = true }, settings(macB))
        _ = core.ports(bToA, from: 1)
        for number in 0..<5000 { _ = core.ports(TestFrame.udp(from: 0x0200_0000_0000 + UInt64(number), to: everybody), from: 0) }
        #expect(core.table.count <= ForwardingTable.capacityPerPort + 1)
        #expect(core.ports(aToB, from: 0) == [1], "the neighbour's address is still known")
    }

    @Test func aForeignSourceAddressIsDropped() throws {
        var core = try make(settings(macA), settings(macB))
        #expect(core.ports(TestFrame.udp(from: macC, to: macB), from: 0).isEmpty)
        #expect(core.counters(0).droppedSent == 1)
        core.configure(0, try PortRules(settings(macA) { $0.macAddressSpoofing = true }), keepingMeters: true)
        #expect(core.ports(TestFrame.udp(from: macC, to: macB), from: 0) == [1])
    }

    @Test func virtualNetworks() throws {
        var core = try make(
            settings(macA) { $0.vlan = .access(10) }, settings(macB) { $0.vlan = .access(20) },
            settings(macC) { $0.vlan = .trunk(native: 10, allowed: [20, 30]) }, settings(0x0015_5D00_000D))
        #expect(core.deliveries(broadcast, from: 0) == [.init(port: 2, tag: nil, isMirror: false)], "native id: untagged")
        #expect(core.deliveries(TestFrame.udp(from: macB, to: everybody), from: 1) == [.init(port: 2, tag: 20, isMirror: false)])
        #expect(core.ports(broadcast, tag: 10, from: 0).isEmpty, "an access port takes no tags")
        #expect(core.ports(broadcast, tag: 0xE000, from: 0) == [2], "a priority tag is no VLAN")
        #expect(core.ports(TestFrame.udp(from: macC, to: everybody), tag: 20, from: 2) == [1])
        #expect(core.ports(TestFrame.udp(from: macC, to: everybody), tag: 40, from: 2).isEmpty)
        #expect(core.ports(TestFrame.udp(from: macC, to: everybody), from: 2) == [0])
        #expect(core.ports(TestFrame.udp(from: 0x0015_5D00_000D, to: everybody), from: 3).isEmpty, "alone in the untagged network")
    }

    @Test func settingsThatCannotBe() {
        for (identifier, change): (String, (inout PortSettings) -> Void) in [
            ("VlanIdOutOfRange", { $0.vlan = .access(4095) }), ("VlanIdOutOfRange", { $0.vlan = .trunk(native: 1, allowed: [0]) }),
            ("MacAddressInvalid", { $0.macAddress = "0115" }), ("MacAddressInvalid", { $0.macAddress = "010000000001" }),
            ("AccessRuleInvalid", { $0.accessRules = [.init(action: "Deny", direction: "Inbound", remoteAddress: "10.0.0.0/40")] }),
            ("PortMirroringInvalid", { $0.mirroring = "Both" }),
        ] {
            let error = #expect(throws: NetworkError.self) { try settings(macA, change).check() }
            #expect(error?.identifier == identifier)
        }
    }

    @Test func guards() throws {
        func offer(_ port: UInt16) -> [UInt8] { TestFrame.udp(from: macA, to: everybody, ports: (port, 68)) }
        var core = try make(
            settings(macA) {
                $0.dhcpGuard = true
                $0.routerGuard = true
            }, settings(macB))
        #expect(core.ports(offer(67), from: 0).isEmpty)
        #expect(core.ports(offer(68), from: 0) == [1])
        func ipv6(_ next: UInt8, _ payload: [UInt8]) -> [UInt8] {
            TestFrame.ethernet(from: macA, to: 0x3333_0000_0001, type: 0x86DD) + [0x60, 0, 0, 0] + TestFrame.word(UInt16(payload.count))
                + [next, 255] + [UInt8](repeating: 0xFE, count: 32) + payload
        }
        let advertisement: [UInt8] = [134, 0, 0, 0, 0, 0, 0, 0]
        #expect(core.ports(ipv6(58, advertisement), from: 0).isEmpty)
        #expect(core.ports(ipv6(0, [58, 0, 1, 4, 0, 0, 0, 0] + advertisement), from: 0).isEmpty, "behind an option header")
        #expect(core.ports(ipv6(58, [135, 0, 0, 0, 0, 0, 0, 0]), from: 0) == [1])
        #expect(core.ports(ipv6(17, [0x02, 0x23, 2, 2, 0, 8, 0, 0]), from: 0).isEmpty, "DHCPv6 server")
        let long = [UInt8](repeating: 0, count: 200)
        #expect(core.ports(ipv6(60, [58, 24] + long + advertisement), from: 0).isEmpty, "headers longer than the switch looks")
        #expect(core.ports(ipv6(44, [60, 0, 0, 1, 0, 0, 0, 1]), from: 0).isEmpty, "a fragment that hides its transport header")
    }

    @Test func accessLists() throws {
        var core = try make(
            settings(macA) {
                $0.accessRules = [
                    .init(action: "Deny", direction: "Outbound", remoteAddress: "10.0.0.0/8"),
                    .init(action: "Allow", direction: "Outbound", remoteAddress: "10.0.0.2"),
                    .init(action: "Meter", direction: "Outbound", remoteAddress: "ANY"),
                    .init(action: "Deny", direction: "Inbound", remoteAddress: "00-15-5D-00-00-0C"),
                    .init(action: "Deny", direction: "Inbound", remoteAddress: "fd00::/8"),
                ]
            }, settings(macB), settings(macC))
        #expect(core.ports(aToB, from: 0) == [1, 2], "the longer match wins")
        #expect(core.ports(TestFrame.udp(from: macA, to: macB, destination: [10, 0, 0, 3]), from: 0).isEmpty)
        #expect(core.ports(TestFrame.udp(from: macA, to: macB, destination: [11, 0, 0, 3]), from: 0) == [1, 2])
        #expect(core.metered(0)[2] == UInt64(2 * aToB.count), "what is denied is not counted")
        #expect(core.ports(bToA, from: 1) == [0])
        #expect(core.ports(TestFrame.udp(from: macC, to: macA), from: 2).isEmpty, "a MAC address")
        #expect(core.counters(0).droppedReceived == 1)
        let arp = TestFrame.ethernet(from: macA, to: everybody, type: 0x0806) + [UInt8](repeating: 0, count: 28)
        #expect(core.ports(arp, from: 0) == [1, 2], "rules about IP say nothing of ARP")
    }

    @Test func mirrors() throws {
        var core = try make(
            settings(macA) { $0.mirroring = "Source" }, settings(macB), settings(macC) { $0.mirroring = "Destination" })
        _ = core.ports(bToA, from: 1)
        _ = core.ports(broadcast, from: 0)
        #expect(core.deliveries(aToB, from: 0) == [.init(port: 1, tag: nil, isMirror: false), .init(port: 2, tag: nil, isMirror: true)])
        #expect(core.deliveries(bToA, from: 1) == [.init(port: 0, tag: nil, isMirror: false), .init(port: 2, tag: nil, isMirror: true)])
        core.configure(0, try PortRules(settings(macA)), keepingMeters: true)
        _ = core.ports(broadcast, from: 0)
        #expect(core.ports(aToB, from: 0) == [1])
    }

    @Test func noLimitIsTooLargeToCompute() {
        for rate: UInt64 in [0, 1, 1 << 62, UInt64(Int64.max), .max] {
            var bucket = TokenBucket(bitsPerSecond: rate, now: 0)
            for now: UInt64 in [0, 1, 5_000_000, 10_000_000_000, 1 << 62] {
                _ = bucket.wait(now)
                for _ in 0..<100 { bucket.spend(FrameRing.largestFrame) }
                #expect(bucket.wait(now) <= 1_000_000_000)
            }
        }
    }

    @Test func bandwidthIsKeptOnAverage() {
        let second: UInt64 = 1_000_000_000
        for rate: UInt64 in [100_000, 8_000_000, 10_000_000_000] {
            var bucket = TokenBucket(bitsPerSecond: rate, now: 0)
            var (now, sent): (UInt64, UInt64) = (0, 0)
            while now < 10 * second {
                let wait = bucket.wait(now)
                if wait == 0 {
                    bucket.spend(1500)
                    sent += 1500 * 8
                } else {
                    now += max(wait, 1000)
                }
            }
            #expect(sent >= rate * 10 && sent <= rate * 10 + max(rate / 50, 2_200_000), "\(rate): \(sent)")
        }
    }
}
