import Network
import Testing
import WorkerProtocol

/// The test of a connection that a switch makes in a guest's name.
@Suite struct ConnectionProbeTests {
    private static let (near, far): (UInt32, UInt32) = (0x0A00_0001, 0x0A00_0002)

    /// What a machine of macB with the far address answers to a frame; nil: nothing.
    private func answer(_ frame: [UInt8]) -> [UInt8]? {
        guard frame.count >= 42 else { return nil }
        var reply = frame
        reply.replaceSubrange(0..<6, with: frame[6..<12])
        reply.replaceSubrange(6..<12, with: TestFrame.mac(macB))
        if frame[12] == 8, frame[13] == 6, frame[21] == 1, Array(frame[38..<42]) == [10, 0, 0, 2] {
            reply[21] = 2
            reply.replaceSubrange(22..<28, with: TestFrame.mac(macB))
            reply.replaceSubrange(28..<32, with: frame[38..<42])
            reply.replaceSubrange(32..<42, with: frame[22..<32])
            return reply
        }
        guard frame[12] == 8, frame[13] == 0, frame[23] == 1, frame[34] == 8 else { return nil }
        reply.replaceSubrange(26..<30, with: frame[30..<34])
        reply.replaceSubrange(30..<34, with: frame[26..<30])
        reply[34] = 0
        return reply
    }

    @Test(arguments: [true, false])
    func anAnswerEndsIt(_ isResolving: Bool) throws {
        let running = try RunningSwitch()
        var port = settings(macA)
        port.adapterId = .init()
        let (a, b) = (try running.client(port), try running.client(settings(macB)))
        try #require(a.wait { a.isLinkUp } && b.wait { b.isLinkUp })
        var request = SwitchProbeRequest(adapterId: port.adapterId, sender: Self.near, receiver: Self.far, sequence: 7, payload: 32)
        if !isResolving { request.nextHop = "00155D00000B" }
        _ = try running.ask(request)
        if isResolving {
            #expect(try running.ask(SwitchProbeResultRequest()).isResolved == false)
            let question = try #require(b.next { $0[12] == 8 && $0[13] == 6 })
            #expect(b.send(try #require(answer(question.bytes))))
            b.flush()
            // The guest gets the answer, too: it may have asked.
            #expect(a.next { $0[12] == 8 && $0[13] == 6 } != nil)
        }
        let echo = try #require(b.next { $0[12] == 8 && $0[13] == 0 })
        #expect(echo.bytes.count == 14 + 20 + 8 + 32)
        #expect(Array(echo.bytes[6..<12]) == TestFrame.mac(macA))
        #expect(InternetChecksum.fold(echo.bytes[14..<34].withUnsafeBytes { InternetChecksum.sum($0) }) == 0xFFFF)
        #expect(InternetChecksum.fold(echo.bytes[34...].withUnsafeBytes { InternetChecksum.sum($0) }) == 0xFFFF)
        #expect(Array(echo.bytes[40..<42]) == [0, 7])
        // Another ping's answer is the guest's own.
        var other = try #require(answer(echo.bytes))
        other[38] ^= 1
        #expect(b.send(other))
        b.flush()
        #expect(a.next()?.bytes == other)
        #expect(try running.ask(SwitchProbeResultRequest()).roundTrip == nil)
        #expect(b.send(try #require(answer(echo.bytes))) && b.send(TestFrame.udp(from: macB, to: macA)))
        b.flush()
        // The answer goes no further; what comes behind it does.
        #expect(a.next()?.bytes == TestFrame.udp(from: macB, to: macA))
        let result = try running.ask(SwitchProbeResultRequest())
        #expect(result.isResolved && result.roundTrip ?? 0 > 0)
    }

    @Test func anAdapterThatIsNotThereIsAnError() throws {
        let running = try RunningSwitch()
        let a = try running.client(settings(macA))
        try #require(a.wait { a.isLinkUp })
        let request = SwitchProbeRequest(adapterId: .init(), sender: Self.near, receiver: Self.far, sequence: 1, payload: 0)
        #expect(throws: (any Error).self) { _ = try running.ask(request) }
        #expect(try running.ask(SwitchProbeResultRequest()).isResolved == false)
    }
}
