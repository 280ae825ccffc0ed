import Network
import Testing

/// Access rules about ports and protocols.
@Suite struct ExtendedRuleTests {
    private static let addresses: (a: [UInt8], b: [UInt8]) = ([10, 0, 0, 1], [10, 0, 0, 2])

    private func toA(from port: UInt16, to target: UInt16, tcp: Bool = true) -> [UInt8] {
        frame(macB, macA, Self.addresses.b, Self.addresses.a, port, target, tcp)
    }

    private func fromA(from port: UInt16, to target: UInt16, tcp: Bool = true) -> [UInt8] {
        frame(macA, macB, Self.addresses.a, Self.addresses.b, port, target, tcp)
    }

    private func frame(
        _ source: UInt64, _ destination: UInt64, _ from: [UInt8], _ to: [UInt8], _ port: UInt16, _ target: UInt16, _ tcp: Bool
    ) -> [UInt8] {
        guard tcp else { return TestFrame.udp(from: source, to: destination, source: from, destination: to, ports: (port, target)) }
        return TestFrame.ethernet(from: source, to: destination, type: 0x0800)
            + TestFrame.tcp(source: from, destination: to, ports: (port, target), sequence: 1, acknowledgement: 0, flags: 2)
    }

    private func rule(
        _ isAllowing: Bool, inbound: Bool, weight: Int, _ change: (inout PortExtendedRule) -> Void = { _ in }
    ) -> PortExtendedRule {
        var rule = PortExtendedRule(isAllowing: isAllowing, isInbound: inbound, weight: weight)
        change(&rule)
        return rule
    }

    /// Port 0 has the rules, port 1 is free.
    private func core(_ rules: [PortExtendedRule]) throws -> LearningSwitch {
        var core = LearningSwitch()
        _ = core.add(try PortRules(settings(macA) { $0.extendedRules = rules }))
        _ = core.add(try PortRules(settings(macB)))
        return core
    }

    @Test func theGreatestWeightDecides() throws {
        var core = try core([
            rule(false, inbound: true, weight: 1),
            rule(true, inbound: true, weight: 10) { ($0.localPorts, $0.transport) = (443...444, 6) },
            rule(false, inbound: true, weight: 20) { $0.remotePorts = 666...666 },
        ])
        #expect(core.ports(toA(from: 5000, to: 443), from: 1) == [0])
        #expect(core.ports(toA(from: 5000, to: 444), from: 1) == [0])
        #expect(core.ports(toA(from: 5000, to: 445), from: 1).isEmpty)
        #expect(core.ports(toA(from: 5000, to: 443, tcp: false), from: 1).isEmpty, "the rule is about TCP")
        #expect(core.ports(toA(from: 666, to: 443), from: 1).isEmpty)
        #expect(core.ports(fromA(from: 443, to: 5000), from: 0) == [1], "no rule is about what goes out")
        #expect(core.ports(TestFrame.udp(from: macB, to: macA, source: [10, 9, 9, 9]), from: 1).isEmpty)
        let question = TestFrame.ethernet(from: macB, to: everybody, type: 0x0806) + [UInt8](repeating: 0, count: 46)
        #expect(core.ports(question, from: 1) == [0], "rules are about IP; addresses are still asked for")
    }

    @Test func answersOfAStatefulRulePassUntilItIsIdle() throws {
        var core = try core([
            rule(false, inbound: true, weight: 1),
            rule(true, inbound: false, weight: 5) { ($0.remotePorts, $0.idleTimeout) = (80...80, 60) },
        ])
        #expect(core.ports(toA(from: 80, to: 4000), from: 1, now: 0).isEmpty, "nobody asked")
        #expect(core.ports(fromA(from: 4000, to: 80), from: 0, now: 1) == [1])
        #expect(core.ports(toA(from: 80, to: 4000), from: 1, now: 50) == [0])
        #expect(core.ports(toA(from: 80, to: 4001), from: 1, now: 50).isEmpty, "another connection")
        #expect(core.ports(toA(from: 80, to: 4000, tcp: false), from: 1, now: 50).isEmpty, "another protocol")
        #expect(core.ports(toA(from: 80, to: 4000), from: 1, now: 110) == [0], "each frame keeps it alive")
        #expect(core.ports(toA(from: 80, to: 4000), from: 1, now: 171).isEmpty)
        #expect(core.ports(fromA(from: 4000, to: 80), from: 0, now: 180) == [1])
        core.configure(0, try PortRules(settings(macA) { $0.extendedRules = [rule(false, inbound: true, weight: 1)] }), keepingMeters: true)
        #expect(core.ports(toA(from: 80, to: 4000), from: 1, now: 181).isEmpty, "new rules forget connections")
    }

    @Test func aGuestCannotFillTheHostWithConnections() throws {
        var core = try core([rule(true, inbound: false, weight: 5) { $0.idleTimeout = 1000 }, rule(false, inbound: true, weight: 1)])
        for number in 0..<9000 { _ = core.ports(fromA(from: UInt16(1000 + number % 60_000), to: UInt16(number % 7)), from: 0) }
        #expect(core.ports(toA(from: 0, to: 1000), from: 1) == [0], "the first ones are kept")
    }

    @Test func whatCannotBeReadIsDenied() throws {
        var core = try core([rule(true, inbound: false, weight: 1) { $0.remotePorts = 80...80 }, rule(false, inbound: false, weight: 0)])
        var fragment = fromA(from: 4000, to: 80)
        (fragment[20], fragment[21]) = (0, 100)
        #expect(core.ports(fragment, from: 0).isEmpty, "a fragment has no ports that could be allowed")
        let error = #expect(throws: NetworkError.self) {
            try settings(macA) { $0.extendedRules = [rule(true, inbound: true, weight: 1) { $0.localAddress = "10.0.0.0/40" }] }.check()
        }
        #expect(error?.identifier == "AccessRuleInvalid")
    }
}
