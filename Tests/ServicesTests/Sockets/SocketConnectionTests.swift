import Basics
import CHost
import Glibc
import Services
import Testing
import VMBus
import VMBusTestSupport

/// A connection of the guest's to a program of the host, up to its end.
@Suite struct SocketConnectionTests {
    /// A guest that is connected to a program of the host's on port 5000.
    private final class Pair {
        let bus = GuestBus()
        let pump: ManualPump
        let service: SocketService
        private(set) var channel: GuestChannel?
        /// What the guest could hear when the connection was about to leave the bus.
        private(set) var lastWords: [[UInt8]] = []
        /// The program's end.
        private(set) var program: Int32 = -1
        private let path: String
        private let folder: Int32
        private let listener: Int32

        init() throws {
            var template = Array("/tmp/lunavisor-sockets-XXXXXX".utf8CString)
            path = try #require(mkdtemp(&template).map { String(cString: $0) })
            folder = open(path, O_RDONLY | O_DIRECTORY)
            listener = lv_socket_listen(folder, "vsock_5000", 4)
            let (server, pump) = (bus.server, bus.makePump())
            self.pump = pump
            // Safety: the pumps run on the test's thread only.
            let leaving = Leaving()
            let service = SocketService(
                folder: folder, pump: pump, add: { server.add($0) },
                remove: { device in
                    leaving.action()
                    server.remove(device, then: {})
                })
            self.service = service
            // Safety: the pumps run on the test's thread only.
            let held = service
            server.onConnectRequest = { request in
                held.guestConnects(endpoint: request.endpoint, service: request.service) { request.answer(status: $0) }
            }
            #expect(bus.connect())
            _ = bus.requestOffers()
            let endpoint = GUID(bytes: [UInt8](repeating: 7, count: 16))
            bus.post(GuestBus.message(21) + endpoint.bytes + SocketEndpoint.service(port: 5000).bytes)
            let offer = try #require(bus.newOffers().first)
            channel = bus.open(offer)
            program = lv_socket_accept(listener)
            #expect(channel != nil && program >= 0)
            leaving.action = { [weak self] in
                if let self { lastWords += heard() }
            }
        }

        private final class Leaving {
            var action: () -> Void = {}
        }

        deinit {
            if program >= 0 { close(program) }
            close(listener)
            close(folder)
            unlink(path + "/vsock_5000")
            rmdir(path)
        }

        func hangUp() {
            close(program)
            program = -1
        }

        /// Lets the host's sockets act as poll(2) would; gives how many are watched and ready afterwards.
        func settle() -> Int {
            for _ in 0..<8 {
                for descriptor in ready() { _ = pump.fire(descriptor) }
                bus.run()
            }
            return ready().count
        }

        private func ready() -> [Int32] {
            (0..<16384).filter { descriptor in
                guard let events = pump.events(of: descriptor) else { return false }
                var entry = pollfd(fd: descriptor, events: events, revents: 0)
                return poll(&entry, 1, 0) > 0
            }
        }

        func say(_ bytes: [UInt8]) -> Bool {
            let isSent = channel?.send(GuestRing.little(UInt32(1)) + GuestRing.little(UInt32(bytes.count)) + bytes) ?? false
            bus.run()
            return isSent
        }

        /// What the guest hears, without headers; an end is an empty part.
        func heard() -> [[UInt8]] {
            (channel?.receiveAll() ?? []).map { packet in
                let count = Int(packet.payload[4]) | Int(packet.payload[5]) << 8
                return Array(packet.payload[8..<8 + count])
            }
        }
    }

    @Test func aProgramThatHangsUpDoesNotKeepThePumpBusy() throws {
        let pair = try Pair()
        pair.hangUp()
        #expect(pair.settle() == 0)
        #expect(pair.heard() == [[]])
        // The guest may go on talking to nobody.
        for _ in 0..<4 { #expect(pair.say([1, 2, 3])) }
        #expect(pair.settle() == 0)
    }

    @Test func lastWordsAreHeardAlsoWhenTheGuestGoesOnTalking() throws {
        let pair = try Pair()
        #expect(send(pair.program, [UInt8]([9, 8]), 2, 0) == 2)
        pair.hangUp()
        for _ in 0..<4 { #expect(pair.say([1, 2, 3])) }
        #expect(pair.settle() == 0)
        #expect(pair.heard() == [[9, 8], []])
    }

    /// The bus takes it in a thread of its own, which does not wait for the end of this one's batch.
    @Test func lastWordsAreInTheRingBeforeTheConnectionLeaves() throws {
        let pair = try Pair()
        #expect(pair.say([]))
        #expect(pair.settle() == 0)
        #expect(send(pair.program, [UInt8]([9, 8]), 2, 0) == 2)
        pair.hangUp()
        #expect(pair.settle() == 0)
        #expect(pair.lastWords == [[9, 8], []])
    }

    @Test func aHalfClosedProgramStillHearsAll() throws {
        let pair = try Pair()
        shutdown(pair.program, Int32(SHUT_WR))
        #expect(pair.settle() == 0)
        let part = [UInt8](repeating: 5, count: 4000)
        var (said, received) = (0, 0)
        var buffer = [UInt8](repeating: 0, count: 65536)
        // More than the socket takes, until the ring is full, then all of it.
        while said < 4 << 20, pair.say(part) { said += part.count }
        #expect(said > 0)
        for _ in 0..<4096 where received < said {
            let count = recv(pair.program, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count > 0 { received += count } else { _ = pair.settle() }
        }
        #expect(received == said)
    }
}
