import Basics
import CHost
import DeviceModel
import VMBus

#if canImport(Glibc)
    import Glibc
#endif

/// Hyper-V sockets: streams between programs of the guest (AF_VSOCK) and programs of the host, each a VMBus channel of its own.
///
/// The host's ends are Unix sockets in the VM's folder, so that any program can serve or connect:
///
///     vsock_PORT   a program of the host listens there; the guest connects to CID 2, PORT
///     vsock        a program of the host connects there, writes “CONNECT PORT” and a newline, and reads “OK PORT” and a newline
package final class SocketService: StatefulUnit, @unchecked Sendable {
    /// What must be kept: which connections the guest knows. Their host programs are not part of a machine: a restored one tells the
    /// guest that they have ended.
    package struct State: Codable, Sendable {
        package struct Connection: Codable, Sendable {
            var service: GUID
            var instance: GUID
            var fromHost: Bool
        }
        package var connections: [Connection]
        /// Connections that programs of the host have asked for. nil: saved before they were counted.
        var asked: UInt64?
    }
    package static let stateVersion = 1
    package let unitName = "service.sockets"
    /// Connections of one VM at most.
    package static let limit = 256
    /// Nanoseconds of partition time within which a guest takes a connection.
    private static let patience: UInt64 = 10_000_000_000
    static let listenerName = "vsock"
    /// The NTSTATUS of a connection that nobody takes.
    package static let refusal = Status.refused

    private let pump: any ServicePump
    /// The folder with the host's ends.
    private let folder: Int32
    private let add: (any VMBusDevice) -> Bool
    private let remove: (any VMBusDevice) -> Void
    /// The instance id of the host's connection with that number.
    private let instance: (UInt64) -> GUID
    /// Hears what comes from the host's programs, with the connection's instance id, when it enters. In the pump; set before `start`.
    package var onInput: ((GUID, SocketInput) -> Void)?
    // Safety: all below belongs to the pump.
    private var listener: Int32?
    private var connections: [(device: SocketConnection, state: State.Connection)] = []
    /// Programs that have not said yet where they want to.
    private var callers: [Int32: [UInt8]] = [:]
    private var asked: UInt64 = 0
    private var timer: (any PartitionTimer)?

    /// `folder` is a descriptor of the folder for the host's ends and stays the caller's. `add` and `remove` put devices on the bus.
    package init(
        folder: Int32, pump: any ServicePump, add: @escaping (any VMBusDevice) -> Bool, remove: @escaping (any VMBusDevice) -> Void,
        instance: @escaping (_ number: UInt64) -> GUID = { _ in GUID() }
    ) {
        (self.folder, self.pump, self.add, self.remove, self.instance) = (folder, pump, add, remove, instance)
        timer = pump.makeTimer(name: unitName) { [weak self] in self?.endUntaken() }
    }

    /// Listens for programs of the host. In the pump. false: the socket cannot be made.
    package func start() -> Bool {
        guard listener == nil else { return true }
        let made = lv_socket_listen(folder, Self.listenerName, Int32(Self.limit))
        guard made >= 0 else { return false }
        listener = made
        pump.watch(made, events: Int16(POLLIN)) { [weak self] in self?.accept() }
        return true
    }

    /// Ends every connection of the host's side. In the pump.
    package func stop() {
        if let listener {
            pump.watch(listener, events: nil) {}
            close(listener)
            unlinkat(folder, Self.listenerName, 0)
        }
        listener = nil
        for caller in callers.keys.sorted() { drop(caller) }
        for (device, _) in connections { device.dropSocket() }
    }

    // MARK: The guest calls

    /// The guest asks for a service of the host. In any context; `answer` is called once with 0 or an NTSTATUS.
    package func guestConnects(endpoint: GUID, service: GUID, answer: @escaping (UInt32) -> Void) {
        pump.post { [weak self] in answer(self?.connect(endpoint: endpoint, service: service) ?? Status.refused) }
    }

    private enum Status {
        static let success: UInt32 = 0
        /// STATUS_CONNECTION_REFUSED.
        static let refused: UInt32 = 0xc000_0236
        /// STATUS_INSUFFICIENT_RESOURCES.
        static let full: UInt32 = 0xc000_009a
    }

    private func connect(endpoint: GUID, service: GUID) -> UInt32 {
        guard let port = SocketEndpoint.port(of: service), port <= SocketEndpoint.largestPort else { return Status.refused }
        guard connections.count < Self.limit else { return Status.full }
        let socket = lv_socket_connect(folder, "\(Self.listenerName)_\(port)")
        onInput?(endpoint, .answer(socket >= 0))
        guard socket >= 0 else { return Status.refused }
        return offer(State.Connection(service: service, instance: endpoint, fromHost: false), socket) ? Status.success : Status.refused
    }

    // MARK: The host calls

    private func accept() {
        guard let listener else { return }
        while true {
            let socket = lv_socket_accept(listener)
            guard socket >= 0 else { return }
            guard callers.count + connections.count < Self.limit else {
                refuse(socket, "too many connections")
                continue
            }
            callers[socket] = []
            pump.watch(socket, events: Int16(POLLIN)) { [weak self] in self?.listen(to: socket) }
        }
    }

    /// Reads the line that says where the program wants to.
    private func listen(to socket: Int32) {
        guard var line = callers[socket] else { return }
        var byte: UInt8 = 0
        // Byte by byte: what follows the line is the guest's.
        while line.count < 32 {
            let count = recv(socket, &byte, 1, Int32(MSG_DONTWAIT))
            if count < 0, errno == EAGAIN || errno == EINTR {
                callers[socket] = line
                return
            }
            guard count == 1 else { return drop(socket) }
            if byte == 10 { break }
            line.append(byte)
        }
        pump.watch(socket, events: nil) {}
        callers[socket] = nil
        let words = String(decoding: line, as: UTF8.self).split(whereSeparator: { $0 == " " || $0 == "\r" })
        guard words.count == 2, words[0] == "CONNECT", let port = UInt32(words[1]), port <= SocketEndpoint.largestPort else {
            return refuse(socket, "say CONNECT and a port from 0 to \(SocketEndpoint.largestPort)")
        }
        let wish = State.Connection(service: SocketEndpoint.service(port: port), instance: instance(asked), fromHost: true)
        asked += 1
        onInput?(wish.instance, .call(port: port))
        _ = offer(wish, socket, greeting: Array("OK \(port)\n".utf8))
    }

    private func refuse(_ socket: Int32, _ why: String) {
        let text = Array("ERROR \(why)\n".utf8)
        _ = lv_send(socket, text, text.count, nil, 0)
        close(socket)
    }

    private func drop(_ socket: Int32) {
        pump.watch(socket, events: nil) {}
        callers[socket] = nil
        close(socket)
    }

    // MARK: Connections

    private func offer(_ wish: State.Connection, _ socket: Int32?, greeting: [UInt8] = []) -> Bool {
        let deadline = pump.clock.nanoseconds &+ Self.patience
        let device = SocketConnection(
            service: wish.service, instance: wish.instance, fromHost: wish.fromHost, socket: socket, greeting: greeting, deadline: deadline,
            pump: pump
        ) { [weak self] ended in
            guard let self else { return }
            connections.removeAll { $0.device === ended }
            remove(ended)
        }
        if let onInput { device.onInput = { onInput(wish.instance, $0) } }
        guard add(device) else {
            device.dropSocket()
            return false
        }
        connections.append((device, wish))
        if timer?.deadline == nil { timer?.arm(at: deadline) }
        return true
    }

    /// A guest without a listener on the port leaves an offer alone.
    private func endUntaken() {
        let now = pump.clock.nanoseconds
        for (device, _) in connections where device.deadline.map({ $0 <= now }) ?? false { device.end() }
        timer?.arm(at: connections.compactMap(\.device.deadline).min())
    }

    package func saveState() throws(StateError) -> State { State(connections: connections.map(\.state), asked: asked) }

    /// Before the bus is restored, which finds the connections' devices by their ids.
    package func restoreState(_ state: State, version: Int) throws(StateError) {
        guard state.connections.count <= Self.limit else { throw StateError(.inconsistent, unit: unitName, detail: "too many connections") }
        asked = state.asked ?? UInt64(state.connections.count)
        for connection in state.connections { _ = offer(connection, nil) }
    }
}

/// What comes from a program of the host, or does not.
package enum SocketInput: Equatable, Sendable {
    /// It wants a connection to a port of the guest.
    case call(port: UInt32)
    /// Somebody listens on the port that the guest connects to, or nobody.
    case answer(Bool)
    case bytes([UInt8])
    /// It took only so many of the bytes that were for it.
    case took(Int)
    /// It says no more.
    case end
}
