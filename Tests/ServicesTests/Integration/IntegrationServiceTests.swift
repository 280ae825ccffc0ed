import DeviceModel
import Services
import Testing
import VMBus

final class FixedWallClock: WallClock {
    var unixNanoseconds: Int64 = 1_700_000_000_000_000_000
}

/// What every integration service does, shown on the simplest: shutdown.
@Suite struct IntegrationChannelTests {
    typealias Outcome = Result<Void, IntegrationError>

    private func bench() -> IntegrationBench<ShutdownService> {
        IntegrationBench(LinuxDriver(versions: [(3, 2), (3, 1), (3, 0), (1, 0)])) { ShutdownService(pump: $0) }
    }

    private func code(_ outcome: Outcome?) -> IntegrationError.Code? {
        if case .failure(let error) = outcome { error.code } else { nil }
    }

    @Test func aRequestBeforeNegotiationIsRefused() {
        let bench = bench()
        var outcome: Outcome?
        bench.device.requestShutdown(.powerOff, force: false, reason: "") { outcome = $0 }
        #expect(code(outcome) == .notConnected)
        bench.open(negotiated: false)
        #expect(bench.device.status == .negotiating)
        outcome = nil
        bench.device.requestShutdown(.powerOff, force: false, reason: "") { outcome = $0 }
        #expect(code(outcome) == .notConnected)
    }

    @Test func theGuestAcceptsOrRefuses() {
        let bench = bench()
        bench.open()
        #expect(bench.device.status == .ok)
        #expect(bench.device.negotiatedVersion == IntegrationVersion(3, 2))
        var outcome: Outcome?
        bench.device.requestShutdown(.powerOff, force: false, reason: "x") { outcome = $0 }
        #expect(bench.lastBody.get(UInt32.self, at: 8) == 0)
        var second: Outcome?
        bench.device.requestShutdown(.powerOff, force: false, reason: "x") { second = $0 }
        #expect(code(second) == .busy)
        bench.answerOne()
        #expect(code(outcome) == nil && outcome != nil)
        bench.driver.handle = { _ in 0x8000_4005 }
        bench.device.requestShutdown(.restart, force: true, reason: "x") { outcome = $0 }
        bench.answerOne()
        guard case .failure(let error) = outcome else { return #expect(Bool(false), "a refusal is a failure") }
        #expect(error.code == .refused && error.status == .failed)
        #expect(error.message.contains("0x80004005"))
    }

    @Test func silenceEndsAndALateAnswerIsNobodys() {
        let bench = bench()
        bench.open()
        var outcomes: [Outcome] = []
        bench.device.requestShutdown(.powerOff, force: false, reason: "1") { outcomes.append($0) }
        bench.advance(seconds: 29)
        #expect(outcomes.isEmpty)
        bench.advance(seconds: 1)
        #expect(code(outcomes.first) == .timedOut)
        bench.device.requestShutdown(.powerOff, force: false, reason: "2") { outcomes.append($0) }
        bench.answerOne()
        #expect(outcomes.count == 1)
        bench.answerOne()
        #expect(outcomes.count == 2 && code(outcomes[1]) == nil)
    }

    @Test func closingEndsTheRequestAndOpeningBeginsAnew() {
        let bench = bench()
        bench.open()
        var outcome: Outcome?
        bench.device.requestShutdown(.powerOff, force: false, reason: "") { outcome = $0 }
        bench.close()
        #expect(code(outcome) == .disconnected)
        #expect(bench.device.status == .noContact)
        bench.open()
        #expect(bench.device.status == .ok)
    }

    @Test func interruptAnswersWhoWaits() {
        let bench = bench()
        bench.open()
        var outcomes: [Outcome] = []
        bench.device.requestShutdown(.powerOff, force: false, reason: "") { outcomes.append($0) }
        bench.device.interrupt()
        #expect(outcomes.count == 1 && code(outcomes[0]) == .interrupted)
        bench.answerAll()
        #expect(outcomes.count == 1)
    }

    @Test func withoutACommonVersionThereIsNoConversation() {
        let bench = IntegrationBench(LinuxDriver(versions: [(9, 9)])) { ShutdownService(pump: $0) }
        bench.open()
        #expect(bench.device.status == .incompatible)
        #expect(bench.channel.sent.count == 1)
    }

    @Test func aDriverThatClaimsAVersionNotOfferedIsIncompatible() {
        let bench = bench()
        bench.open(negotiated: false)
        var answer = bench.driver.answer(bench.unanswered[0])
        answer.set(UInt16(7), at: 40)
        bench.reply(answer)
        #expect(bench.device.status == .incompatible)
    }

    @Test func restartNeedsVersion3_1() {
        let bench = IntegrationBench(LinuxDriver(versions: [(3, 0)])) { ShutdownService(pump: $0) }
        bench.open()
        var outcome: Outcome?
        bench.device.requestShutdown(.restart, force: false, reason: "") { outcome = $0 }
        #expect(code(outcome) == .notSupported)
    }

    @Test func aFullRingDelaysAPacket() {
        let bench = bench()
        bench.open()
        bench.channel.room = 10
        var outcome: Outcome?
        bench.device.requestShutdown(.powerOff, force: false, reason: "") { outcome = $0 }
        #expect(outcome == nil && bench.channel.sent.count == 1)
        bench.channel.room = 10_000
        bench.device.ringChanged(bench.channel)
        #expect(bench.channel.sent.count == 2)
        bench.answerOne()
        #expect(outcome != nil && code(outcome) == nil)
    }

    @Test func aSecondChannelAndASubChannelAreRefused() {
        let bench = bench()
        bench.open()
        #expect(!bench.device.opened(BareChannel(), userData: []))
        let other = IntegrationBench(LinuxDriver(versions: [])) { ShutdownService(pump: $0) }
        #expect(!other.device.opened(BareChannel(index: 1), userData: []))
    }

    @Test func aFloodIsTakenInPortions() {
        let bench = bench()
        bench.open()
        for number in 0..<1000 { bench.channel.put([1, 2, 3], transaction: UInt64(number), completionRequested: true) }
        bench.device.ringChanged(bench.channel)
        #expect(bench.channel.completed.count == 64)
        bench.pump.run()
        #expect(bench.channel.completed.count == 1000)
        #expect(bench.device.status == .ok)
    }
}

@Suite struct HeartbeatServiceTests {
    private func bench() -> IntegrationBench<HeartbeatService> {
        var driver = LinuxDriver(versions: [(3, 0), (1, 0)])
        driver.handle = { body in
            body.set(body.get(UInt64.self, at: 0) + 1, at: 0)
            return 0
        }
        return IntegrationBench(driver) { HeartbeatService(pump: $0) }
    }

    @Test func aLivingGuestIsOk() {
        let bench = bench()
        var told: [HeartbeatStatus] = []
        bench.device.onChange = { told.append($0) }
        #expect(bench.device.heartbeat == .noContact)
        bench.open()
        #expect(bench.device.heartbeat == .noContact)
        bench.answerAll()
        #expect(bench.device.heartbeat == .okApplicationsUnknown)
        bench.advance(seconds: 20, answering: true)
        // Negotiation, the first beat, and one every two seconds.
        #expect(bench.channel.sent.count == 2 + 10)
        #expect(told == [.okApplicationsUnknown])
    }

    @Test func silenceIsLostAndFoundAgain() {
        let bench = bench()
        bench.open()
        bench.answerAll()
        bench.advance(seconds: 30)
        #expect(bench.device.heartbeat == .lostCommunication)
        // One beat every ten seconds waits in the ring, not one every two.
        #expect(bench.unanswered.count <= 4)
        bench.answerAll()
        bench.advance(seconds: 2, answering: true)
        #expect(bench.device.heartbeat == .okApplicationsUnknown)
        bench.close()
        #expect(bench.device.heartbeat == .noContact)
    }

    @Test func applicationsAreTold() {
        let bench = bench()
        for (number, expected) in [(1, HeartbeatStatus.okApplicationsHealthy), (2, .okApplicationsCritical), (77, .okApplicationsUnknown)] {
            bench.driver.handle = { body in
                body.set(body.get(UInt64.self, at: 0) + 1, at: 0)
                body.set(UInt32(number), at: 8)
                return 0
            }
            bench.open()
            bench.answerAll()
            #expect(bench.device.heartbeat == expected)
            bench.close()
        }
    }

    @Test func anEchoIsNoHeartbeat() {
        let bench = bench()
        bench.driver.handle = { _ in 0 }
        bench.open()
        bench.advance(seconds: 10, answering: true)
        #expect(bench.device.heartbeat == .noContact)
        bench.driver.versions = [(9, 0)]
        bench.close()
        bench.open()
        #expect(bench.device.heartbeat == .error)
    }
}

@Suite struct TimeSynchronizationServiceTests {
    @Test func theFirstMessageSetsTheClockAndTheOthersAreSamples() {
        let clock = FixedWallClock()
        let bench = IntegrationBench(LinuxDriver(versions: [(4, 0), (3, 0), (1, 0)])) {
            TimeSynchronizationService(pump: $0, wallClock: clock)
        }
        bench.open()
        bench.answerAll()
        bench.advance(seconds: 10, answering: true)
        let flags = bench.channel.sent.dropFirst().map { $0[28 + 16] }
        #expect(flags == [1, 2, 2])
        bench.device.resynchronize()
        bench.pump.run()
        #expect(bench.lastBody[16] == 1)
        bench.answerAll()
        bench.advance(seconds: 5, answering: true)
        #expect(bench.lastBody[16] == 2)
    }

    @Test func aSampleIsTakenWhenItIsSent() {
        let clock = FixedWallClock()
        let bench = IntegrationBench(LinuxDriver(versions: [(4, 0)])) { TimeSynchronizationService(pump: $0, wallClock: clock) }
        bench.open()
        bench.answerAll()
        bench.channel.room = 0
        bench.advance(seconds: 5)
        #expect(bench.channel.sent.count == 2)
        bench.channel.room = 1000
        bench.device.ringChanged(bench.channel)
        #expect(bench.channel.sent.count == 2)
        clock.unixNanoseconds += 10_000_000_000
        bench.advance(seconds: 5)
        #expect(bench.lastBody.get(UInt64.self, at: 0) == UInt64(clock.unixNanoseconds / 100) + 116_444_736_000_000_000)
        #expect(bench.lastBody.get(UInt64.self, at: 8) == 100_000_000)
    }
}

@Suite struct VSSServiceTests {
    private func bench() -> IntegrationBench<VSSService> {
        IntegrationBench(LinuxDriver(versions: [(5, 0)], frameworks: [(3, 0)])) { VSSService(pump: $0) }
    }

    private func operations(_ bench: IntegrationBench<VSSService>) -> [UInt8] { bench.channel.sent.dropFirst().map { $0[28] } }

    @Test func freezeAndThaw() {
        let bench = bench()
        bench.open()
        var done: [String] = []
        bench.device.freeze { done.append("freeze \($0.isSuccess)") }
        bench.device.thaw { done.append("early thaw \($0.isSuccess)") }
        bench.answerAll()
        #expect(bench.device.isFrozen)
        bench.device.freeze { done.append("second freeze \($0.isSuccess)") }
        bench.device.thaw { done.append("thaw \($0.isSuccess)") }
        bench.answerAll()
        #expect(!bench.device.isFrozen)
        bench.advance(seconds: 600, answering: true)
        #expect(done == ["early thaw false", "freeze true", "second freeze false", "thaw true"])
        #expect(operations(bench) == [5, 6])
    }

    @Test func aForgottenFreezeThaws() {
        let bench = bench()
        bench.open()
        bench.device.freeze(limit: 20_000_000_000) { _ in }
        bench.answerAll()
        bench.advance(seconds: 19, answering: true)
        #expect(bench.device.isFrozen)
        bench.advance(seconds: 1, answering: true)
        #expect(!bench.device.isFrozen)
        #expect(operations(bench) == [5, 6])
    }

    @Test func aFreezeThatFailsOrIsNotAnsweredIsThawed() {
        let bench = bench()
        bench.open()
        bench.driver.handle = { $0[0] == 5 ? 0x8000_4005 : 0 }
        var outcome: Result<Void, IntegrationError>?
        bench.device.freeze { outcome = $0 }
        bench.answerAll()
        #expect(outcome?.isSuccess == false)
        #expect(operations(bench) == [5, 6])
        bench.device.freeze { outcome = $0 }
        bench.advance(seconds: 120)
        guard case .failure(let error) = outcome else { return #expect(Bool(false), "silence is a failure") }
        #expect(error.code == .timedOut)
        #expect(operations(bench) == [5, 6, 5, 6])
    }

    /// Without its daemon a guest refuses everything; with it back, nobody waits for our thaws to be given up.
    @Test func afterAFreezeThatFailedOneMaySucceed() {
        let bench = bench()
        bench.open()
        bench.driver.handle = { _ in 0x8000_4005 }
        bench.device.freeze { _ in }
        bench.answerAll()
        #expect(operations(bench) == [5, 6])
        bench.driver.handle = { _ in 0 }
        var isDone = false
        bench.device.freeze { isDone = $0.isSuccess }
        bench.answerAll()
        #expect(isDone && bench.device.isFrozen)
        bench.advance(seconds: 59, answering: true)
        #expect(bench.device.isFrozen)
        bench.advance(seconds: 1, answering: true)
        #expect(!bench.device.isFrozen)
        #expect(operations(bench) == [5, 6, 5, 6])
    }

    @Test func aThawIsTriedFiveTimes() {
        let bench = bench()
        bench.open()
        bench.device.freeze { _ in }
        bench.answerAll()
        bench.driver.handle = { _ in 0x8000_4005 }
        bench.device.thaw { _ in }
        bench.answerAll()
        bench.advance(seconds: 300, answering: true)
        #expect(operations(bench) == [5, 6, 6, 6, 6, 6])
    }

    @Test func hotBackupIsAsked() {
        let bench = bench()
        bench.open()
        bench.driver.handle = { body in
            body.set(UInt32(5), at: 8)
            return 0
        }
        var outcome: Result<Bool, IntegrationError>?
        bench.device.checkHotBackup { outcome = $0 }
        bench.answerAll()
        guard case .success(true) = outcome else { return #expect(Bool(false), "Linux answers 5") }
    }
}

extension Result {
    var isSuccess: Bool { if case .success = self { true } else { false } }
    var error: Failure? { if case .failure(let error) = self { error } else { nil } }
}
