import Basics
import CHost
import Glibc
import Services
import Testing
import VMBus
import VMBusTestSupport

/// Programs of the host that call the guest, through the Unix socket in the machine's folder.
@Suite struct SocketServiceTests {
    private final class Bench {
        let bus: GuestBus
        let pump: ManualPump
        let service: SocketService
        private let path: String
        private let folder: Int32

        init(copying other: GuestBus? = nil, instance: @escaping (UInt64) -> GUID = { _ in GUID() }) throws {
            var template = Array("/tmp/lunavisor-sockets-XXXXXX".utf8CString)
            path = try #require(mkdtemp(&template).map { String(cString: $0) })
            folder = open(path, O_RDONLY | O_DIRECTORY)
            bus = other.map { GuestBus(copying: $0) } ?? GuestBus()
            let (server, pump) = (bus.server, bus.makePump())
            self.pump = pump
            service = SocketService(
                folder: folder, pump: pump, add: { server.add($0) }, remove: { server.remove($0, then: {}) }, instance: instance)
            #expect(service.start())
            if other == nil {
                #expect(bus.connect())
                _ = bus.requestOffers()
            }
        }

        deinit {
            service.stop()
            close(folder)
            rmdir(path)
        }

        func call(_ line: String) -> Int32 {
            let program = lv_socket_connect(folder, "vsock")
            _ = send(program, line, line.utf8.count, Int32(MSG_NOSIGNAL))
            settle()
            return program
        }

        /// Lets the host's sockets act as poll(2) would.
        func settle() {
            for _ in 0..<6 {
                for descriptor: Int32 in 0..<16384 {
                    guard let events = pump.events(of: descriptor) else { continue }
                    var entry = pollfd(fd: descriptor, events: events, revents: 0)
                    if poll(&entry, 1, 0) > 0 { _ = pump.fire(descriptor) }
                }
                bus.run()
            }
        }

        /// What a program hears; nil: the connection has ended.
        func hear(_ program: Int32) -> String? {
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = recv(program, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : count < 0 && errno == EAGAIN ? "" : nil
        }
    }

    private func packet(_ bytes: [UInt8]) -> [UInt8] { GuestRing.little(UInt32(1)) + GuestRing.little(UInt32(bytes.count)) + bytes }

    /// What enters is told as it enters, and connections have the ids that their numbers say, also after a restore.
    @Test func whatEntersIsTold() throws {
        func id(_ number: UInt64) -> GUID { GUID(bytes: [UInt8](repeating: UInt8(number), count: 16)) }
        let bench = try Bench(instance: { id($0 + 1) })
        var told: [(GUID, SocketInput)] = []
        bench.service.onInput = { told.append(($0, $1)) }
        let program = bench.call("CONNECT 5000\nearly")
        let offer = try #require(bench.bus.newOffers().first)
        #expect(offer.instance == id(1))
        _ = try #require(bench.bus.open(offer))
        bench.settle()
        close(program)
        bench.settle()
        #expect(told.map(\.0) == [id(1), id(1), id(1)])
        #expect(told.map(\.1) == [.call(port: 5000), .bytes(Array("early".utf8)), .end])
        let state = try bench.service.saveState()
        let other = try Bench(copying: bench.bus, instance: { id($0 + 1) })
        try other.service.restoreState(state, version: SocketService.stateVersion)
        other.service.onInput = { told.append(($0, $1)) }
        close(other.call("CONNECT 6000\n"))
        #expect(told.last?.0 == id(2))
    }

    @Test func aProgramCallsTheGuest() throws {
        let bench = try Bench()
        let program = bench.call("CONNECT 5000\nearly")
        defer { close(program) }
        let offer = try #require(bench.bus.newOffers().first)
        #expect(offer.type == SocketEndpoint.service(port: 5000) && offer.userDefined[4] == 1)
        #expect(bench.hear(program) == "")
        let channel = try #require(bench.bus.open(offer))
        bench.settle()
        #expect(bench.hear(program) == "OK 5000\n")
        #expect(channel.receiveAll().map { Array($0.payload[8..<13]) } == [Array("early".utf8)])
        #expect(channel.send(packet(Array("hello".utf8))))
        bench.settle()
        #expect(bench.hear(program) == "hello")
        // Both directions end: the channel goes.
        #expect(channel.send(packet([])))
        bench.settle()
        #expect(bench.hear(program) == nil)
        shutdown(program, Int32(SHUT_WR))
        bench.settle()
        #expect(bench.bus.rescinded == [offer.relid])
    }

    @Test func aGuestThatDoesNotAnswerIsWaitedForTenSeconds() throws {
        let bench = try Bench()
        let program = bench.call("CONNECT 9\n")
        defer { close(program) }
        let offer = try #require(bench.bus.newOffers().first)
        bench.bus.advance(milliseconds: 9_990)
        #expect(bench.hear(program) == "")
        bench.bus.advance(milliseconds: 20)
        #expect(bench.hear(program) == "ERROR nobody in the guest listens on port 9\n")
        #expect(bench.hear(program) == nil)
        #expect(bench.bus.rescinded == [offer.relid])
    }

    @Test(arguments: [
        "CONNECT\n", "CONNECT 2147483648\n", "connect 1\n", "CONNECT 1 2\n", "\n", "CONNECT -1\n", String(repeating: "x", count: 64),
    ])
    func whatIsNoCallIsRefusedInWords(line: String) throws {
        let bench = try Bench()
        let program = bench.call(line)
        defer { close(program) }
        #expect(bench.hear(program)?.hasPrefix("ERROR say CONNECT") == true)
        #expect(bench.bus.newOffers().isEmpty)
    }

    @Test func aPortWithoutProgramIsRefused() throws {
        let bench = try Bench()
        var answers: [UInt32] = []
        for port: UInt32 in [1, 0x7fff_ffff, 0x8000_0000] {
            bench.service.guestConnects(endpoint: GUID(), service: SocketEndpoint.service(port: port)) { answers.append($0) }
        }
        bench.service.guestConnects(endpoint: GUID(), service: GUID()) { answers.append($0) }
        bench.bus.run()
        #expect(answers == Array(repeating: SocketService.refusal, count: 4))
        #expect(bench.bus.newOffers().isEmpty)
    }

    @Test func aGuestThatReadsSlowlyHearsAll() throws {
        let bench = try Bench()
        let program = bench.call("CONNECT 5000\n")
        defer { close(program) }
        let channel = try #require(bench.bus.newOffers().first.flatMap { bench.bus.open($0) })
        bench.settle()
        let part = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        var (said, heard): ([UInt8], [UInt8]) = ([], [])
        for _ in 0..<400 {
            if said.count < 1 << 20 {
                let count = send(program, part, part.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
                if count > 0 { said += part.prefix(count) }
            }
            bench.settle()
            // One packet at a time: most of the time the ring is full.
            guard let packet = channel.receive() else { continue }
            let count = Int(GuestRing.integer(packet.payload, at: 4, UInt32.self))
            heard += packet.payload[8..<8 + count]
        }
        while true {
            bench.settle()
            guard let packet = channel.receive() else { break }
            heard += packet.payload[8..<8 + Int(GuestRing.integer(packet.payload, at: 4, UInt32.self))]
        }
        #expect(said.count > 100_000 && heard == said)
    }

    @Test func aRestoredGuestHearsThatItsConnectionsHaveEnded() throws {
        let bench = try Bench()
        let program = bench.call("CONNECT 5000\n")
        defer { close(program) }
        let offer = try #require(bench.bus.newOffers().first)
        let channel = try #require(bench.bus.open(offer))
        bench.settle()
        let state = try bench.service.saveState()
        let saved = try bench.bus.saved()
        let other = try Bench(copying: bench.bus)
        try other.service.restoreState(state, version: SocketService.stateVersion)
        try other.bus.restore(saved)
        other.settle()
        let restored = other.bus.channel(copying: channel)
        #expect(restored.receiveAll().map { $0.payload.prefix(8) } == [packet([])[...]])
        #expect(other.bus.rescinded == [offer.relid])
    }

    @Test func hostileGuestsHarmNobody() throws {
        var random = IntegrationRandom(state: 11)
        let bench = try Bench()
        for _ in 0..<60 {
            let program = bench.call("CONNECT 77\n")
            defer { close(program) }
            guard let offer = bench.bus.newOffers().first, let channel = bench.bus.open(offer) else {
                Issue.record("no connection")
                return
            }
            for _ in 0..<Int.random(in: 0..<60, using: &random) {
                var bytes = (0..<Int.random(in: 0..<64, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
                if Bool.random(using: &random) { bytes = packet(bytes) }
                if Int.random(in: 0..<8, using: &random) == 0, bytes.count > 4 { bytes[4] = .random(in: 0...255, using: &random) }
                _ = channel.send(bytes)
                bench.settle()
                _ = bench.hear(program)
            }
        }
        let program = bench.call("CONNECT 78\n")
        defer { close(program) }
        let offer = try #require(bench.bus.newOffers().first)
        #expect(bench.bus.open(offer) != nil)
        bench.settle()
        #expect(bench.hear(program) == "OK 78\n")
    }
}
