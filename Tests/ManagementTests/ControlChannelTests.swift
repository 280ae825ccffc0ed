import Basics
import CHost
import Glibc
import Management
import Persistence
import Testing
import WorkerProtocol

/// A peer that speaks the control channel's bytes by hand.
final class RawPeer {
    let socket: Int32
    private var decoder = FrameDecoder()
    private let storeId: GUID
    private let machineId: GUID

    init(_ machine: VirtualMachine, in test: TestHost) throws {
        let folder = try Folder(path: "\(test.host.storePath)/vms/\(machine.id)")
        socket = lv_socket_connect(folder.descriptor, "control.sock")
        try #require(socket >= 0)
        storeId = try #require(try Store.open(path: test.host.storePath, create: false)).id
        machineId = machine.id
    }

    deinit { close(socket) }

    func send(_ bytes: [UInt8]) { _ = lv_send(socket, bytes, bytes.count, nil, 0) }

    func sayHello(versions: ClosedRange<Int> = 1...1, machine: GUID? = nil) throws {
        let hello = Hello(storeId: storeId, virtualMachineId: machine ?? machineId, versions: versions)
        send(Frame(.hello, request: 0, body: try ProtocolCodec.encode(hello)).encoded)
    }

    /// The next frame; nil when the worker hung up.
    func receive() throws -> Frame? {
        while true {
            if let frame = try decoder.next() { return frame }
            var polled = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            try #require(poll(&polled, 1, 30_000) == 1)
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = read(socket, &buffer, buffer.count)
            guard count > 0 else { return nil }
            decoder.append(buffer[..<count])
        }
    }

    func error() throws -> String? {
        guard let frame = try receive(), frame.kind == .error else { return nil }
        return try ProtocolCodec.decode(TransportedError.self, from: frame.body).identifier
    }
}

@Suite struct ControlChannelTests {
    @Test func framesComeOutHoweverTheyAreCut() throws {
        let frames = (0..<20).map { Frame(.request, request: UInt32($0), body: [UInt8](repeating: UInt8($0), count: $0 * 37)) }
        let stream = frames.flatMap(\.encoded)
        for step in [1, 7, 64, stream.count] {
            var decoder = FrameDecoder()
            var out: [Frame] = []
            for start in stride(from: 0, to: stream.count, by: step) {
                decoder.append(stream[start..<min(start + step, stream.count)])
                while let frame = try decoder.next() { out.append(frame) }
            }
            #expect(out == frames)
        }
    }

    @Test func frameLimitsHold() {
        for bytes: [UInt8] in [[1, 0, 16, 0, 2, 0, 0, 0, 0], [255, 255, 255, 255, 2, 0, 0, 0, 0], [0, 0, 0, 0, 99, 0, 0, 0, 0]] {
            var decoder = FrameDecoder()
            decoder.append(bytes)
            #expect(identifier { try decoder.next() } == "ProtocolMalformed")
        }
    }

    @Test func theHighestCommonVersionWins() throws {
        let ids = (GUID(), GUID())
        func hello(_ versions: ClosedRange<Int>) -> Hello { Hello(storeId: ids.0, virtualMachineId: ids.1, versions: versions) }
        #expect(try hello(1...3).agree(with: hello(2...7)) == 3)
        #expect(identifier { try hello(1...2).agree(with: hello(3...4)) } == "ProtocolVersionMismatch")
        #expect(identifier { try hello(1...1).agree(with: Hello(storeId: GUID(), virtualMachineId: ids.1)) } == "ProtocolWrongPeer")
        #expect(identifier { try hello(1...1).agree(with: Hello(storeId: ids.0, virtualMachineId: GUID())) } == "ProtocolWrongPeer")
    }

    @Test func peersThatSpeakGarbageHarmNobody() throws {
        let test = try TestHost()
        let machine = try test.machine()
        try machine.start()
        var random = SystemRandomNumberGenerator()
        for round in 0..<40 {
            let peer = try RawPeer(machine, in: test)
            if round % 2 == 1 {
                try peer.sayHello()
                #expect(try peer.receive()?.kind == .hello)
            }
            var bytes = (0..<Int.random(in: 1...5000, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
            if round % 4 == 3 { bytes = Frame(.request, request: 5, body: bytes).encoded }
            peer.send(bytes)
        }
        #expect(try machine.status().state == .running)
        try machine.turnOff()
    }

    @Test func strangersAndOthersAreRefused() throws {
        let test = try TestHost()
        let machine = try test.machine()
        try machine.start()
        let newer = try RawPeer(machine, in: test)
        try newer.sayHello(versions: 5...9)
        #expect(try newer.error() == "ProtocolVersionMismatch")
        #expect(try newer.receive() == nil)
        let lost = try RawPeer(machine, in: test)
        try lost.sayHello(machine: GUID())
        #expect(try lost.error() == "ProtocolWrongPeer")
        let rude = try RawPeer(machine, in: test)
        rude.send(Frame(.request, request: 1, body: Array("{}".utf8)).encoded)
        #expect(try rude.error() == "ProtocolMalformed")
        let future = try RawPeer(machine, in: test)
        try future.sayHello()
        _ = try future.receive()
        future.send(
            Frame(.request, request: 1, body: Array(#"{"request":"teleport","deadline":1,"parameters":{},"more":[]}"#.utf8)).encoded)
        #expect(try future.error() == "ProtocolUnknownRequest")
        future.send(
            Frame(.request, request: 2, body: Array(#"{"request":"status","deadline":1000,"parameters":{"new":1},"x":2}"#.utf8)).encoded)
        #expect(try future.receive()?.kind == .reply)
        try machine.turnOff()
    }

    @Test func thereIsALimitOfConnectionsAndRequests() throws {
        let test = try TestHost()
        let machine = try test.machine()
        try machine.start()
        var peers: [RawPeer] = []
        for _ in 0..<64 {
            let peer = try RawPeer(machine, in: test)
            try peer.sayHello()
            #expect(try peer.receive()?.kind == .hello)
            peers.append(peer)
        }
        let oneTooMany = try RawPeer(machine, in: test)
        #expect(try oneTooMany.error() == "ProtocolBusy")
        #expect(try oneTooMany.receive() == nil)
        let greedy = peers[0]
        for id in 1...17 { greedy.send(try ProtocolCodec.frame(StateFollowRequest(), id: UInt32(id), deadline: 1).encoded) }
        var refused = 0
        for _ in 0..<33 where try greedy.receive()?.kind == .error { refused += 1 }
        #expect(refused == 1)
        peers = []
        #expect(try machine.status().state == .running)
        try machine.turnOff()
    }

    @Test func aPeerThatDoesNotReadCostsLittle() throws {
        let test = try TestHost()
        let machine = try test.machine()
        try machine.start()
        let lazy = try RawPeer(machine, in: test)
        try lazy.sayHello()
        lazy.send(try ProtocolCodec.frame(ConsoleFollowRequest(port: 1, from: 0), id: 1, deadline: 1).encoded)
        try machine.console().send(Array("flood\n".utf8))
        try machine.wait(for: .console(port: 1, since: .lastStart) { $0.hasSuffix("xxx") }, timeout: 30)
        #expect(try machine.status().state == .running)
        // What it reads at last says how much it missed.
        var next: UInt64 = 0
        var dropped: UInt64 = 0
        while next < 96 << 16 {
            guard let frame = try lazy.receive() else { break }
            guard frame.kind == .data else { continue }
            let data = try ProtocolCodec.decode(ConsoleData.self, from: frame.body)
            #expect(data.offset == next + data.dropped)
            dropped += data.dropped
            next = data.offset + UInt64(data.bytes.count)
        }
        #expect(dropped > 0 && next >= 96 << 16)
        try machine.turnOff()
    }
}
