import Network
import Testing

/// Several uplinks that lead to the same network.
@Suite struct UplinkTeamTests {
    private let outside: UInt64 = 0x0200_0000_0001

    /// Ports 0 and 1 are uplinks, 2 and 3 machines.
    private func make() throws -> LearningSwitch {
        var core = LearningSwitch()
        for _ in 0..<2 { _ = core.add(PortRules(uplinkTrunk: true)) }
        for mac in [macA, macB] { _ = core.add(try PortRules(settings(mac))) }
        core.setTeam([0, 1], working: [0, 1])
        return core
    }

    private let question = TestFrame.udp(from: macA, to: everybody)

    @Test func eachPortHasOneUplink() throws {
        var core = try make()
        // Two machines, two uplinks: each has its own.
        let a = core.ports(question, from: 2).filter { $0 < 2 }
        let b = core.ports(TestFrame.udp(from: macB, to: everybody), from: 3).filter { $0 < 2 }
        #expect(a.count == 1 && b.count == 1 && a != b)
        #expect(core.ports(question, from: 2).contains(3), "neighbours hear it, too")
        core.pin(2, to: b[0])
        #expect(core.ports(question, from: 2).filter { $0 < 2 } == b)
        core.pin(2, to: nil)
        #expect(core.ports(question, from: 2).filter { $0 < 2 } == a)
    }

    @Test func aFrameForManyIsTakenOnce() throws {
        var core = try make()
        let broadcast = TestFrame.udp(from: outside, to: everybody)
        let first = core.ports(broadcast, from: 0)
        let second = core.ports(broadcast, from: 1)
        #expect(Set(first).isDisjoint(with: second))
        #expect(Set(first + second) == [2, 3], "all machines, none twice, and no other uplink")
    }

    @Test func oneAddressIsReachedByAnyUplink() throws {
        var core = try make()
        let own = core.ports(question, from: 2).filter { $0 < 2 }
        let other = own == [0] ? 1 : 0
        #expect(core.ports(TestFrame.udp(from: outside, to: macA), from: other) == [2])
        // The way back is the port's own, wherever the address was seen.
        #expect(core.ports(TestFrame.udp(from: macA, to: outside), from: 2) == own)
    }

    @Test func whatComesBackIsDropped() throws {
        var core = try make()
        let own = core.ports(question, from: 2).filter { $0 < 2 }
        let other = own == [0] ? 1 : 0
        #expect(core.ports(question, from: other).isEmpty)
        #expect(core.ports(TestFrame.udp(from: outside, to: macA), from: own[0]) == [2], "the address is still the machine's")
    }

    @Test func aLinkThatIsDownIsNotUsed() throws {
        var core = try make()
        core.pin(2, to: 0)
        core.setTeam([0, 1], working: [1])
        #expect(core.ports(question, from: 2).filter { $0 < 2 } == [1])
        core.setTeam([0, 1], working: [0, 1])
        #expect(core.ports(question, from: 2).filter { $0 < 2 } == [0])
        core.setTeam([0, 1], working: [])
        #expect(core.ports(question, from: 2).filter { $0 < 2 } == [0], "with no link at all nothing is lost by trying")
    }
}
