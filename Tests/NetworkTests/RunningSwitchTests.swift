import Basics
import CHost
import Glibc
import Network
import Persistence
import Testing
import WorkerProtocol

/// A switch in a process of its own, in a temporary store.
final class RunningSwitch {
    let path: String
    let id = GUID()

    init(_ kind: SwitchConfiguration.Kind = .private, _ change: (inout SwitchConfiguration) -> Void = { _ in }) throws {
        var template = Array("/tmp/lunavisor-switch-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw NetworkError("Test", .notSpecified, "no folder") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        var configuration = SwitchConfiguration(id: id, name: "test", switchType: kind, creationTime: 0)
        change(&configuration)
        try SwitchFolder(id: id, folder: try Folder(path: path)).write(configuration)
    }

    deinit {
        if let process = try? status().processId { kill(process, SIGKILL) }
        try? Folder(path: "/tmp").removeTree(String(path.dropFirst("/tmp/".count)))
    }

    func client(_ settings: PortSettings) throws -> SwitchPortClient {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        return try SwitchPortClient(folderDescriptor: descriptor, settings: settings)
    }

    func status() throws -> SwitchStatus { try ask(SwitchStatusRequest()) }

    /// A plain client of the control protocol, blocking, within five seconds.
    func ask<Request: WorkerRequest>(_ request: Request) throws -> Request.Reply {
        let folder = try Folder(path: path)
        let socket = OpenFile(descriptor: lv_socket_connect(folder.descriptor, SwitchFolder.controlName), path: "control")
        guard socket.descriptor >= 0 else { throw NetworkError("Test", .notSpecified, "nobody listens") }
        var decoder = FrameDecoder()
        func exchange(_ frame: Frame) throws -> Frame {
            let bytes = frame.encoded
            guard lv_send(socket.descriptor, bytes, bytes.count, nil, 0) == bytes.count else {
                throw NetworkError("Test", .notSpecified, "closed")
            }
            while true {
                if let frame = try decoder.next() { return frame }
                var polled = pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0)
                guard poll(&polled, 1, 5000) > 0 else { throw NetworkError("Test", .notSpecified, "no answer") }
                var (buffer, none) = ([UInt8](repeating: 0, count: 65536), Int32(0))
                let count = lv_receive(socket.descriptor, &buffer, buffer.count, nil, 0, &none)
                guard count > 0 else { throw NetworkError("Test", .notSpecified, "closed") }
                decoder.append(buffer[..<count])
            }
        }
        _ = try exchange(Frame(.hello, request: 0, body: try ProtocolCodec.encode(Hello(storeId: id, virtualMachineId: id))))
        let answer = try exchange(try ProtocolCodec.frame(request, id: 1, deadline: 5))
        if answer.kind == .error { throw try ProtocolCodec.decode(TransportedError.self, from: answer.body) }
        return try ProtocolCodec.decode(Request.Reply.self, from: answer.body)
    }
}

@Suite struct RunningSwitchTests {
    private let aToB = TestFrame.udp(from: macA, to: macB)
    private let bToA = TestFrame.udp(from: macB, to: macA)

    @Test func twoPortsExchangeFramesAndTheSwitchMayDie() throws {
        let running = try RunningSwitch()
        let (a, b) = (try running.client(settings(macA)), try running.client(settings(macB)))
        try #require(a.wait { a.isLinkUp }, "\(a.failure ?? "")")
        try #require(b.wait { b.isLinkUp }, "\(b.failure ?? "")")
        func pass() -> Bool {
            // A frame sent while a port reconnects is lost, as on a wire: send until one comes through.
            for _ in 0..<100 {
                _ = a.send(aToB)
                a.flush()
                if let got = b.next(seconds: 0.1) { return got.bytes == aToB }
                _ = a.wait(seconds: 0) { true }
                var polled = pollfd(fd: a.descriptor, events: Int16(POLLIN), revents: 0)
                if poll(&polled, 1, 0) > 0 { a.acknowledge() }
            }
            return false
        }
        #expect(pass())
        #expect(b.send(bToA))
        b.flush()
        #expect(a.next()?.bytes == bToA)
        let first = try running.status()
        #expect(first.ports.count == 2)
        #expect(first.ports.first { $0.macAddress.hasSuffix("0a") }?.framesIn ?? 0 >= 1)
        for _ in 0..<3 {
            let process = try running.status().processId
            kill(process, SIGKILL)
            try #require(pass(), "\(a.failure ?? "-") \(b.failure ?? "-")")
            #expect(a.isLinkUp && b.isLinkUp)
            #expect(try running.status().processId != process)
        }
        // Large frames with their offloads go through whole.
        var header = FrameHeader()
        (header.checksum, header.checksumStart, header.checksumOffset, header.segmentSize, header.headerCount) = (
            .partial, 34, 16, 1448, 66
        )
        header.tag = nil
        let large = TestFrame.ethernet(from: macA, to: macB, type: 0x0800) + (0..<65_500).map { UInt8(truncatingIfNeeded: $0) }
        #expect(a.send(large, header))
        a.flush()
        let got = try #require(b.next { $0.count > 1000 })
        #expect(got.header == header)
        #expect(got.bytes == large)
    }

    @Test func aPortIsChangedWhileItLives() throws {
        let running = try RunningSwitch()
        var wanted = settings(macB)
        let (a, b) = (try running.client(settings(macA)), try running.client(wanted))
        try #require(a.wait { a.isLinkUp } && b.wait { b.isLinkUp })
        #expect(a.send(aToB))
        a.flush()
        #expect(b.next()?.bytes == aToB)
        wanted.vlan = .access(5)
        b.configure(wanted)
        // The switch takes changes and frames in any order: send until none comes.
        #expect(
            b.wait {
                _ = a.send(aToB)
                a.flush()
                return b.next(seconds: 0.02) == nil
            })
        wanted.vlan = .untagged
        wanted.isConnected = false
        b.configure(wanted)
        #expect(b.wait { !b.isLinkUp })
        wanted.isConnected = true
        b.configure(wanted)
        #expect(b.wait { b.isLinkUp })
        #expect(
            b.wait {
                _ = a.send(aToB)
                a.flush()
                return b.next(seconds: 0.02) != nil
            })
        a.close()
        #expect(b.wait { (try? running.status().ports.count) == 1 })
    }

    @Test func manyFramesInOrderThroughFullRings() throws {
        let running = try RunningSwitch()
        let (a, b) = (try running.client(settings(macA)), try running.client(settings(macB)))
        try #require(a.wait { a.isLinkUp } && b.wait { b.isLinkUp })
        #expect(b.send(bToA))
        b.flush()
        #expect(a.next()?.bytes == bToA)
        // A window keeps the rings below full, so nothing may be lost.
        var (sent, received) = (0, 0)
        while received < 20_000 {
            while sent < 20_000, sent - received < 256 {
                let number = withUnsafeBytes(of: UInt32(sent)) { Array($0) }
                try #require(a.send(TestFrame.udp(from: macA, to: macB, payload: number + [UInt8](repeating: 7, count: sent % 1400))))
                sent += 1
            }
            a.flush()
            let got = try #require(b.next())
            #expect(got.bytes[42...45].elementsEqual(withUnsafeBytes(of: UInt32(received)) { Array($0) }))
            received += 1
        }
        #expect(try running.status().ports.allSatisfy { $0.droppedIn == 0 && $0.droppedOut == 0 })
    }

    @Test func bandwidthHoldsFramesBackAndLosesNone() throws {
        let running = try RunningSwitch()
        let a = try running.client(settings(macA) { $0.maximumBandwidth = 8_000_000 })
        let b = try running.client(settings(macB))
        try #require(a.wait { a.isLinkUp } && b.wait { b.isLinkUp })
        #expect(b.send(bToA))
        b.flush()
        #expect(a.next()?.bytes == bToA)
        let frame = TestFrame.udp(from: macA, to: macB, payload: [UInt8](repeating: 1, count: 1400))
        let begin = monotonic()
        for _ in 0..<300 { try #require(a.send(frame)) }
        a.flush()
        for _ in 0..<300 { #expect(b.next()?.bytes.count == frame.count) }
        // 432,600 bytes, of which 131 KiB may go at once, at a million a second.
        #expect(monotonic() - begin > 250_000_000)
        #expect(try running.status().ports.allSatisfy { $0.droppedIn == 0 && $0.droppedOut == 0 })
    }

    @Test func anEmptySwitchEnds() throws {
        let running = try RunningSwitch()
        let client = try running.client(settings(macA))
        try #require(client.wait { client.isLinkUp })
        let folder = try Folder(path: running.path)
        #expect(try FileLock.isHeld(SwitchFolder.lockName, in: folder))
        client.close()
        let watch = try running.client(settings(macB))
        #expect(watch.wait { watch.isLinkUp })
        watch.close()
        #expect(watch.wait(seconds: 10) { (try? FileLock.isHeld(SwitchFolder.lockName, in: folder)) == false })
    }
}
