import Basics
import CHost
import DeviceModel
import Glibc
import Services
import VMBus
import VMBusTestSupport

extension FuzzTarget {
    /// hv_sock: the guest's packets and connects, and programs of the host that say anything on the Unix socket.
    static let sockets = FuzzTarget(
        "sockets", "steps: what a program of the host says, packets of the guest, room, time, ends", maximumLength: 2048,
        seeds: {
            let call: [UInt8] = [0, 13] + Array("CONNECT 5000\n".utf8)
            let packet: [UInt8] = [2, 12, 1, 0, 0, 0, 4, 0, 0, 0] + Array("word".utf8)
            let end: [UInt8] = [2, 8, 1, 0, 0, 0, 0, 0, 0, 0]
            return [
                call + [1] + packet + [4, 9] + Array("hello you".utf8) + end + [5], call + [1] + end + packet + [5],
                [0, 200] + [UInt8](repeating: 65, count: 200), call + call + [1, 1] + packet + [6, 0] + packet + [7, 30],
                [8, 1, 0, 0, 0] + call,
            ]
        },
        run: { bytes in
            guard let bench = SocketCase() else { return }
            bench.play(bytes)
        })
}

private final class SocketCase {
    /// What the service has put on the bus.
    private final class Bus {
        var devices: [any VMBusDevice] = []
    }

    private static let limit = 64
    private let pump: ManualPump
    private let clock = ManualClock()
    private let path: String
    private let folder: Int32
    private let bus = Bus()
    private var devices: [any VMBusDevice] { bus.devices }
    private var open: [(device: any VMBusDevice, channel: FuzzChannel)] = []
    private var programs: [Int32] = []
    private var service: SocketService?

    /// nil: the host has no room for a folder.
    init?() {
        var template = Array("/tmp/lunavisor-fuzz-XXXXXX".utf8CString)
        guard let path = mkdtemp(&template).map({ String(cString: $0) }) else { return nil }
        self.path = path
        folder = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        pump = ManualPump(clock: clock)
        makeService()
    }

    deinit {
        for program in programs { close(program) }
        service?.stop()
        for (device, channel) in open { device.closed(channel) }
        pump.run()
        close(folder)
        rmdir(path)
    }

    private func makeService() {
        let made = SocketService(
            folder: folder, pump: pump,
            add: { [bus] device in
                guard bus.devices.count < 32 else { return false }
                bus.devices.append(device)
                return true
            }, remove: { [bus] device in bus.devices.removeAll { $0 === device } })
        promise(made.start(), "it listens")
        service = made
    }

    func play(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        for _ in 0..<Self.limit where !input.isEmpty {
            step(&input)
            settle()
            promise(devices.count <= 32, "connections are bounded")
        }
    }

    private func step(_ input: inout FuzzInput) {
        switch input.choice(10) {
        case 0:
            guard programs.count < 24 else { return }
            let program = lv_socket_connect(folder, "vsock")
            if program >= 0 { programs.append(program) }
            say(input.take(Int(input.byte())), to: program)
        case 1:
            // The guest takes the newest offer.
            guard let device = devices.last(where: { device in !open.contains { $0.device === device } }) else { return }
            let channel = FuzzChannel()
            if device.opened(channel, userData: []) {
                open.append((device, channel))
                device.ringChanged(channel)
            }
        case 2: packet(input.take(Int(input.byte())), &input)
        case 3:
            let bytes = input.take(Int(input.byte()))
            packet(little(UInt32(1)) + little(UInt32(bytes.count)) + bytes, &input)
        case 4: say(input.take(Int(input.byte())), to: programs.last ?? -1)
        case 5:
            guard !open.isEmpty else { return }
            let (device, channel) = open.remove(at: input.choice(open.count))
            channel.end()
            device.closed(channel)
        case 6:
            for (device, channel) in open {
                channel.places = input.flag() ? 0 : 1000
                device.ringChanged(channel)
            }
        case 7:
            clock.nanoseconds += UInt64(input.byte()) * 1_000_000_000
            pump.run()
        case 8:
            service?.guestConnects(
                endpoint: GUID(bytes: [UInt8](repeating: input.byte(), count: 16)),
                service: input.flag() ? GUID(bytes: input.padded(16)) : SocketEndpoint.service(port: input.number())
            ) { promise($0 != 0, "nobody serves anything") }
        default:
            guard !programs.isEmpty else { return }
            let program = programs.removeLast()
            if input.flag() { shutdown(program, Int32(SHUT_WR)) }
            close(program)
        }
    }

    private func packet(_ bytes: [UInt8], _ input: inout FuzzInput) {
        guard !open.isEmpty else { return }
        let (device, channel) = open[input.choice(open.count)]
        channel.put(bytes)
        device.ringChanged(channel)
    }

    private func say(_ bytes: [UInt8], to program: Int32) {
        if program >= 0, !bytes.isEmpty { _ = Glibc.send(program, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)) }
    }

    /// Lets the host's sockets act as poll(2) would, a bounded number of times.
    private func settle() {
        for _ in 0..<8 {
            pump.run()
            var moved = false
            for descriptor in pump.watched {
                guard let events = pump.events(of: descriptor) else { continue }
                var entry = pollfd(fd: descriptor, events: events, revents: 0)
                if poll(&entry, 1, 0) > 0 { moved = pump.fire(descriptor) || moved }
            }
            guard moved else { return }
        }
    }
}
