import Basics
import CHost
import Glibc
import Network
import Persistence
import Testing
import WorkerProtocol

/// A guest reduced to what it puts on the wire: ARP, DHCP, one TCP connection at a time.
final class FrameGuest {
    let port: SwitchPortClient
    let mac: UInt64
    var address: [UInt8] = [0, 0, 0, 0]
    private var gatewayMAC: UInt64 = 0

    init(_ port: SwitchPortClient, mac: UInt64) { (self.port, self.mac) = (port, mac) }

    func put(_ frame: [UInt8], _ header: FrameHeader = FrameHeader()) {
        #expect(port.send(frame, header))
        port.flush()
    }

    /// The MAC address of a neighbour.
    func resolve(_ target: [UInt8]) throws -> UInt64 {
        let hardware: [UInt8] = [0, 1, 8, 0, 6, 4]
        put(
            TestFrame.ethernet(from: mac, to: everybody, type: 0x0806) + hardware + [0, 1] + TestFrame.mac(mac) + address
                + [0, 0, 0, 0, 0, 0] + target)
        let answer = try #require(
            port.next { $0.count >= 42 && Array($0[12..<14]) == [8, 6] && $0[21] == 2 && Array($0[28..<32]) == target })
        return answer.bytes[22..<28].reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// DISCOVER or REQUEST (RFC 2131); the reply's BOOTP part.
    func dhcp(_ kind: UInt8, options: [UInt8] = []) throws -> (message: [UInt8], options: [UInt8: [UInt8]], header: FrameHeader) {
        let bootp: [UInt8] =
            [1, 1, 6, 0, 0x39, 3, 0xF3, 0x26, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 16) + TestFrame.mac(mac)
            + [UInt8](repeating: 0, count: 202) + [99, 130, 83, 99, 53, 1, kind] + options + [255]
        put(
            TestFrame.udp(
                from: mac, to: everybody, source: [0, 0, 0, 0], destination: [255, 255, 255, 255], ports: (68, 67), payload: bootp))
        let answer = try #require(port.next { $0.count > 282 && Array($0[12..<14]) == [8, 0] && $0[23] == 17 && $0[37] == 68 })
        let message = Array(answer.bytes[42...])
        var (found, at): ([UInt8: [UInt8]], Int) = ([:], 240)
        while at + 1 < message.count, message[at] != 255 {
            if message[at] == 0 {
                at += 1
                continue
            }
            let end = min(at + 2 + Int(message[at + 1]), message.count)
            found[message[at]] = Array(message[(at + 2)..<end])
            at = end
        }
        return (message, found, answer.header)
    }

    /// Connects to `target`, sends `text` (cut by the switch when `isLarge`), and gives back what comes until `count` bytes are there.
    func exchange(_ target: [UInt8], through router: [UInt8], port number: UInt16, _ text: [UInt8], isLarge: Bool, count: Int) throws
        -> [UInt8]
    {
        let gateway = try resolve(router)
        let mine: UInt16 = 40_000
        var (sequence, acknowledged): (UInt32, UInt32) = (1000, 0)
        func segment(_ flags: UInt8, _ payload: [UInt8] = []) -> [UInt8] {
            TestFrame.ethernet(from: mac, to: gateway, type: 0x0800)
                + TestFrame.tcp(
                    source: address, destination: target, ports: (mine, number), sequence: sequence, acknowledgement: acknowledged,
                    flags: flags, payload: payload)
        }
        func isOurs(_ frame: [UInt8]) -> Bool { frame.count >= 54 && frame[23] == 6 && Array(frame[36..<38]) == TestFrame.word(mine) }
        func long(_ frame: [UInt8], _ at: Int) -> UInt32 { frame[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) } }
        put(segment(2))
        let answer = try #require(port.next(isOurs))
        #expect(answer.bytes[47] == 0x12, "SYN and ACK")
        #expect(answer.header.checksum == .verified)
        sequence += 1
        acknowledged = long(answer.bytes, 38) &+ 1
        put(segment(0x10))
        if isLarge {
            // As a guest's driver leaves it: the pseudo header's sum in the field, the rest to be made per piece.
            var frame = segment(0x18, text)
            let sum = ~TestFrame.checksum(address + target + [0, 6] + TestFrame.word(UInt16(20 + text.count)))
            (frame[50], frame[51]) = (UInt8(sum >> 8), UInt8(truncatingIfNeeded: sum))
            var header = FrameHeader()
            (header.checksum, header.checksumStart, header.checksumOffset, header.segmentSize, header.headerCount) = (
                .partial, 34, 16, 1000, 54
            )
            put(frame, header)
        } else {
            put(segment(0x18, text))
        }
        sequence += UInt32(text.count)
        var got: [UInt8] = []
        while got.count < count {
            let frame = try #require(port.next(isOurs))
            let header = 34 + Int(frame.bytes[46] >> 4) * 4
            let total = 14 + (Int(frame.bytes[16]) << 8 | Int(frame.bytes[17]))
            if long(frame.bytes, 38) == acknowledged, total > header, total <= frame.bytes.count {
                got += frame.bytes[header..<total]
                acknowledged &+= UInt32(total - header)
            }
            put(segment(0x10))
        }
        put(segment(0x14))
        return got
    }
}

/// An IPv4 address of this host besides its loopback; nil: it has none.
let hostAddress: [UInt8]? = {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&list) == 0 else { return nil }
    defer { freeifaddrs(list) }
    var next = list
    while let entry = next {
        next = entry.pointee.ifa_next
        guard let address = entry.pointee.ifa_addr, address.pointee.sa_family == sa_family_t(AF_INET) else { continue }
        let number = address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { UInt32(bigEndian: $0.pointee.sin_addr.s_addr) }
        if number >> 24 != 127 { return (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - $0 * 8)) } }
    }
    return nil
}()

/// A listening TCP socket, on 127.0.0.1 unless it is for everybody, whose server echoes one connection, in capitals.
final class EchoServer {
    let descriptor: Int32
    let port: UInt16

    init(everywhere: Bool = false) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = everywhere ? 0 : UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = self.descriptor
        port = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                guard bind(descriptor, $0, size) == 0, listen(descriptor, 4) == 0, getsockname(descriptor, $0, &size) == 0 else { return 0 }
                return $0.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { UInt16(bigEndian: $0.pointee.sin_port) }
            }
        }
        guard port != 0 else { throw NetworkError("Test", .notSpecified, "no port") }
    }

    deinit { close(descriptor) }

    /// Serves one connection until its peer closes it, on a thread of its own.
    func serveOnce() {
        let listener = dup(descriptor)
        var thread = pthread_t()
        let context = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
        context.pointee = listener
        pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                let listener = context.assumingMemoryBound(to: Int32.self).pointee
                context.deallocate()
                let connection = accept(listener, nil, nil)
                var buffer = [UInt8](repeating: 0, count: 65536)
                while case let count = read(connection, &buffer, buffer.count), count > 0 {
                    for index in 0..<count where 97...122 ~= buffer[index] { buffer[index] -= 32 }
                    _ = write(connection, buffer, count)
                }
                close(connection)
                close(listener)
                return nil
            }, context)
        pthread_detach(thread)
    }
}

@Suite struct NATSwitchTests {
    private func make() throws -> (RunningSwitch, FrameGuest) {
        let running = try RunningSwitch(.nat) { $0.natSubnet = "10.77.5.0/24" }
        let port = try running.client(settings(macA))
        try #require(port.wait { port.isLinkUp }, "\(port.failure ?? "")")
        return (running, FrameGuest(port, mac: macA))
    }

    @Test func addressesNamesAndConnections() throws {
        let (running, guest) = try make()
        let offer = try guest.dhcp(1)
        #expect(offer.options[53] == [2])
        #expect(Array(offer.message[16..<20]) == [10, 77, 5, 15], "the first address that is given out")
        #expect(offer.options[1] == [255, 255, 255, 0])
        #expect(offer.options[3] == [10, 77, 5, 2])
        #expect(offer.options[6] == [10, 77, 5, 3])
        #expect(offer.header.checksum == .verified)
        let granted = try guest.dhcp(3, options: [50, 4, 10, 77, 5, 15, 54, 4] + (offer.options[54] ?? []))
        #expect(granted.options[53] == [5])
        guest.address = [10, 77, 5, 15]

        if let hostAddress {
            let router: [UInt8] = [10, 77, 5, 2]
            let server = try EchoServer(everywhere: true)
            server.serveOnce()
            let small = try guest.exchange(
                hostAddress, through: router, port: server.port, Array("hello".utf8), isLarge: false, count: 5)
            #expect(small == Array("HELLO".utf8))
            let text = (0..<12_345).map { UInt8(97 + $0 % 26) }
            server.serveOnce()
            let large = try guest.exchange(hostAddress, through: router, port: server.port, text, isLarge: true, count: text.count)
            #expect(large == text.map { $0 - 32 })
        }
        _ = running
    }

    /// What the host keeps to itself is out of the guest's reach, whatever address it writes into its packets.
    @Test(arguments: [[10, 77, 5, 2], [127, 0, 0, 1], [0, 0, 0, 0], [10, 77, 5, 3], [255, 255, 255, 255]] as [[UInt8]])
    func theHostsLoopbackIsOutOfReach(target: [UInt8]) throws {
        let (running, guest) = try make()
        guest.address = [10, 77, 5, 15]
        let gateway = try guest.resolve([10, 77, 5, 2])
        let server = try EchoServer()
        guest.put(
            TestFrame.ethernet(from: macA, to: gateway, type: 0x0800)
                + TestFrame.tcp(
                    source: guest.address, destination: target, ports: (40_000, server.port), sequence: 1, acknowledgement: 0, flags: 2,
                    payload: []))
        // An answer to a later question: the packet has been dealt with.
        _ = try guest.resolve([10, 77, 5, 3])
        var waiting = pollfd(fd: server.descriptor, events: Int16(POLLIN), revents: 0)
        #expect(poll(&waiting, 1, 300) == 0, "a connection came through")
        _ = running
    }

    @Test func portsAreForwardedLive() throws {
        let (running, guest) = try make()
        guest.address = [10, 77, 5, 15]
        _ = try guest.resolve([10, 77, 5, 2])
        let free = try EchoServer()
        let number = free.port
        var configuration = try SwitchFolder(id: running.id, folder: try Folder(path: running.path)).readConfiguration()
        configuration.mappings = [
            .init(
                id: 0, transport: "TCP", externalAddress: "127.0.0.1", externalPort: Int(number), internalAddress: "10.77.5.15",
                internalPort: 80)
        ]
        func apply() throws {
            _ = try running.ask(SwitchConfigureRequest(document: String(decoding: try Document.encode(configuration), as: UTF8.self)))
        }
        // The port is taken: nothing changes, and it is said.
        let refusal = #expect(throws: TransportedError.self) { try apply() }
        #expect(refusal?.identifier == "PortInUse")
        let stored = try SwitchFolder(id: running.id, folder: try Folder(path: running.path)).readConfiguration()
        #expect(stored.mappings == nil)
        let other = try freePort()
        configuration.mappings?[0].externalPort = Int(other)
        try apply()
        // A connection from the host arrives at the guest as a SYN to port 80.
        func knock() -> Int32 {
            let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = other.bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    _ = connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            return socket
        }
        let first = knock()
        func isSYN(_ frame: [UInt8]) -> Bool { frame.count >= 54 && frame[23] == 6 && frame[37] == 80 && frame[47] == 2 }
        // libslirp asks for the guest's address first.
        let question = guest.port.next { $0.count >= 42 && Array($0[12..<14]) == [8, 6] || isSYN($0) }
        if let question, !isSYN(question.bytes) {
            let asker = question.bytes[22..<28].reduce(0) { $0 << 8 | UInt64($1) }
            guest.put(
                TestFrame.ethernet(from: macA, to: asker, type: 0x0806) + [0, 1, 8, 0, 6, 4, 0, 2] + TestFrame.mac(macA) + guest.address
                    + question.bytes[22..<32])
            #expect(guest.port.next(isSYN) != nil)
        } else {
            #expect(question != nil)
        }
        close(first)
        configuration.mappings = []
        try apply()
        let second = knock()
        var waiting = pollfd(fd: second, events: Int16(POLLOUT), revents: 0)
        #expect(poll(&waiting, 1, 5000) > 0 && Int32(waiting.revents) & POLLERR != 0, "nobody listens any more")
        close(second)
    }

    private func freePort() throws -> UInt16 { try EchoServer().port }

    @Test func subnetsThatCannotBe() {
        for text in ["", "10.0.0.0", "10.0.0.1/24", "10.0.0.0/28", "10.0.0.0/7", "x/24", "0.0.0.0/8"] {
            #expect(throws: NetworkError.self, "\(text)") { try NATSubnet(text) }
        }
        #expect(throws: Never.self) { try NATSubnet("172.16.0.0/12") }
    }
}
