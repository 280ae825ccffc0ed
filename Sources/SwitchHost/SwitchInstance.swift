import Basics
import CHost
import Glibc
import Network
import Persistence
import WorkerProtocol

/// A switch's process: owner of the switch's folder for as long as it is needed.
///
/// ```
/// this thread     ports.sock and control.sock: ports come, change and go; Management asks      poll loop, never waits for a peer
/// engine thread   frames (SwitchEngine)
/// end             no port and no client for three seconds → sockets removed → the lock goes with the process
/// ```
final class SwitchInstance {
    private static let grace: UInt64 = 3_000_000_000
    /// Connections of either kind; who comes later is turned away.
    private static let mostPorts = 1024
    private static let mostClients = 64

    private let folder: SwitchFolder
    private let lock: OpenFile
    private let engine: SwitchEngine
    private var configuration: SwitchConfiguration
    private var hostInterface: String?
    private var ports: [PortPeer] = []
    private var clients: [(socket: OpenFile, stream: FrameStream)] = []
    private var isStopping = false
    private var uplinkFailure: TransportedError?
    /// Devices of a team with our interface in each.
    private var team: [(device: String, interface: String)] = []
    private var working: Set<String> = []
    private var lastLook: UInt64 = 0

    /// Takes both descriptors over; reads the configuration and makes the uplink, and throws when either cannot be.
    init(folder descriptor: Int32, lock: Int32) throws {
        self.lock = OpenFile(descriptor: lock, path: "switch.lock")
        let opened = Folder(descriptor: descriptor, path: "the switch's folder")
        guard lv_lock_take(lock) == 0, self.lock.hasName else {
            throw NetworkError("SwitchRunning", .resourceBusy, "The switch runs already.")
        }
        configuration = try SwitchFolder.decode(try opened.readFile(SwitchFolder.configurationName), path: SwitchFolder.configurationName)
        try configuration.check()
        folder = SwitchFolder(id: configuration.id, folder: opened)
        engine = try SwitchEngine(captureFolder: descriptor)
    }

    func run() throws {
        let portListener = try listen(PortChannel.socketName)
        let controlListener = try listen(SwitchFolder.controlName)
        let thread = try EngineThread(engine)
        defer { thread.stop() }
        tryUplink()
        var idleSince = HostTime.monotonic()
        while !isStopping {
            var polled = [portListener, controlListener].map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
            polled += ports.map { pollfd(fd: $0.socket.descriptor, events: Int16(POLLIN), revents: 0) }
            polled += clients.map { _, stream in
                pollfd(
                    fd: stream.descriptor, events: Int16((stream.isClosing ? 0 : POLLIN) | (stream.queuedBytes > 0 ? POLLOUT : 0)),
                    revents: 0)
            }
            _ = poll(&polled, nfds_t(polled.count), 500)
            let (portPolls, clientPolls) = (polled[2..<2 + ports.count], polled[(2 + ports.count)...])
            for (port, entry) in zip(ports, portPolls) where entry.revents != 0 { serve(port) }
            for (client, entry) in zip(clients, clientPolls) where entry.revents != 0 { serve(client.stream) }
            for port in ports where port.isOver { if let number = port.number { engine.perform { $0.disconnect(number) } } }
            ports.removeAll { $0.isOver }
            let now = HostTime.monotonic()
            watchTeam(now)
            for client in clients { client.stream.checkDeadline(now) }
            clients.removeAll { $0.stream.isOver }
            if polled[0].revents != 0 { while let socket = Peer.accepted(by: portListener)?.socket { acceptPort(socket) } }
            if polled[1].revents != 0 { while let socket = Peer.accepted(by: controlListener)?.socket { acceptClient(socket) } }
            // A folder that was removed makes the switch nobody's.
            if !lock.hasName { break }
            if !ports.isEmpty || !clients.isEmpty { idleSince = now } else if now - idleSince > Self.grace { break }
        }
        try? folder.folder.remove(PortChannel.socketName)
        try? folder.folder.remove(SwitchFolder.controlName)
    }

    private func listen(_ name: String) throws -> OpenFile {
        let descriptor = lv_socket_listen(folder.folder.descriptor, name, 128)
        guard descriptor >= 0 else {
            throw NetworkError(
                "SwitchFailed", .resourceUnavailable, "The switch cannot listen on “\(name)”: \(SystemMessage.text(-descriptor)).")
        }
        return OpenFile(descriptor: descriptor, path: name)
    }

    // MARK: Ports

    private func acceptPort(_ socket: OpenFile) {
        if ports.count < Self.mostPorts { ports.append(PortPeer(socket)) }
    }

    private func serve(_ port: PortPeer) {
        while !port.isOver {
            switch port.reader.next() {
            case .waiting: return
            case .ended: port.isOver = true
            case .message(let body):
                guard let settings = try? PortChannel.decode(PortSettings.self, body) else {
                    port.isOver = true
                    return
                }
                if let number = port.number {
                    port.answer(engine.perform { engine in TransportedError.of { try engine.configure(number, settings) } } ?? nil)
                } else {
                    connect(port, settings)
                }
            }
        }
    }

    /// Without its uplink a switch serves nobody, but it says why to those who ask; each new port is a reason to try again.
    private func tryUplink() {
        applyWatching(of: configuration)
        do {
            try applyUplink(of: configuration, old: nil)
            uplinkFailure = nil
        } catch {
            let failure = TransportedError(error)
            if uplinkFailure != failure { SwitchMain.say(failure.message) }
            uplinkFailure = failure
        }
    }

    private func connect(_ port: PortPeer, _ settings: PortSettings) {
        if uplinkFailure != nil { tryUplink() }
        if let uplinkFailure {
            port.answer(uplinkFailure)
            port.isOver = true
            return
        }
        guard let signal = port.reader.takeDescriptor() else {
            port.isOver = true
            return
        }
        var wake: [Int32] = [-1, -1]
        guard let memory = try? PortMemory(), lv_socket_pair(&wake) == 0 else {
            close(signal)
            port.answer(
                TransportedError(message: "the switch has no memory left", identifier: "SwitchFailed", category: .resourceUnavailable))
            port.isOver = true
            return
        }
        let theirs = OpenFile(descriptor: wake[1], path: "wake")
        let (end, ours) = (PortEnd(memory: memory, side: .switching, signal: signal), wake[0])
        let result = engine.perform { engine in Result { try engine.connect(end, wake: ours, settings: settings) } }
        switch result {
        case .success(let number):
            port.number = number
            port.answer(nil, descriptors: [memory.descriptor, theirs.descriptor])
        case .failure(let error):
            port.answer(TransportedError(error))
            port.isOver = true
        case nil:
            port.isOver = true
        }
        withExtendedLifetime((memory, theirs)) {}
    }

    // MARK: Management

    private func acceptClient(_ socket: OpenFile) {
        if clients.count < Self.mostClients { clients.append((socket, FrameStream(descriptor: socket.descriptor))) }
    }

    private func serve(_ client: FrameStream) {
        for frame in client.receive() {
            guard client.saidHello else {
                client.greet(frame, as: Hello(storeId: configuration.id, virtualMachineId: configuration.id))
                continue
            }
            guard frame.kind == .request else { continue }
            do {
                client.send(Frame(.reply, request: frame.request, body: try answer(frame)))
            } catch {
                client.send(error: error, request: frame.request)
            }
        }
        client.flush()
    }

    private func answer(_ frame: Frame) throws -> [UInt8] {
        let head = try ProtocolCodec.decode(RequestHead.self, from: frame.body)
        switch head.request {
        case SwitchStatusRequest.name:
            return try ProtocolCodec.encode(status())
        case SwitchConfigureRequest.name:
            let request = try ProtocolCodec.parameters(SwitchConfigureRequest.self, of: frame.body)
            try configure(try SwitchFolder.decode(Array(request.document.utf8), path: "the new configuration"))
            return try ProtocolCodec.encode(Done())
        case SwitchProbeRequest.name:
            let request = try ProtocolCodec.parameters(SwitchProbeRequest.self, of: frame.body)
            try probe(request)
            return try ProtocolCodec.encode(Done())
        case SwitchProbeResultRequest.name:
            let phase = engine.perform { $0.probePhase } ?? nil
            var (isResolved, roundTrip) = (phase != nil && phase != .resolving, UInt64?.none)
            if case .answered(let time) = phase { (isResolved, roundTrip) = (true, time) }
            return try ProtocolCodec.encode(SwitchProbeResultRequest.Reply(isResolved: isResolved, roundTrip: roundTrip))
        case SwitchStopRequest.name:
            isStopping = true
            return try ProtocolCodec.encode(Done())
        default:
            throw ProtocolError.unknownRequest(head.request)
        }
    }

    private func probe(_ request: SwitchProbeRequest) throws {
        let hop = request.nextHop.flatMap { MACAddress($0) }
        guard request.nextHop == nil || hop?.isGroup == false, 0...ConnectionProbe.greatestPayload ~= request.payload else {
            throw ProtocolError.malformed("a test that cannot be")
        }
        let failure = engine.perform { engine in
            TransportedError.of {
                try engine.startProbe(
                    adapter: request.adapterId, sender: request.sender, receiver: request.receiver, nextHop: hop,
                    sequence: request.sequence,
                    payload: request.payload, network: request.network)
            }
        }
        if let failure = failure ?? nil { throw failure }
    }

    private func status() -> SwitchStatus {
        let report = engine.perform { $0.report() } ?? []
        let ports = report.map { settings, counters, metered in
            var port = SwitchPortStatistics(
                adapterId: settings.adapterId, virtualMachineId: settings.virtualMachineId,
                virtualMachineName: settings.virtualMachineName, adapterName: settings.adapterName, macAddress: settings.macAddress)
            (port.framesIn, port.bytesIn, port.droppedIn) = (counters.sentFrames, counters.sentBytes, counters.droppedSent)
            (port.framesOut, port.bytesOut, port.droppedOut) = (counters.receivedFrames, counters.receivedBytes, counters.droppedReceived)
            port.meters = zip(settings.accessRules, metered).filter { $0.0.action.lowercased() == "meter" }.map { rule, bytes in
                .init(direction: rule.direction, localAddress: rule.localAddress, remoteAddress: rule.remoteAddress, bytes: bytes)
            }
            return port
        }
        return SwitchStatus(
            processId: getpid(), hostInterface: hostInterface, ports: ports.sorted { $0.adapterId.description < $1.adapterId.description })
    }

    /// As a whole or not at all.
    private func configure(_ new: SwitchConfiguration) throws {
        try new.check()
        guard new.id == configuration.id else { throw ProtocolError.malformed("the configuration of another switch") }
        // An uplink that could not be made is no state to go on from.
        try applyUplink(of: new, old: uplinkFailure == nil ? configuration : nil)
        do {
            try folder.write(new)
        } catch {
            try? applyUplink(of: configuration, old: new)
            throw error
        }
        configuration = new
        applyWatching(of: new)
        uplinkFailure = nil
    }

    /// What is written down, and whether the ports that lead out are mirrored.
    private func applyWatching(of new: SwitchConfiguration) {
        let (isOn, fileBytes, frameBytes) = (new.isCapturing ?? false, new.captureFileBytes, new.captureFrameBytes)
        let mirroring: PortRules.Mirroring =
            switch new.externalMirroring {
            case "Source": .source
            case "Destination": .destination
            default: .none
            }
        _ = engine.perform { engine in
            engine.setCapture(isOn, fileBytes: fileBytes, frameBytes: frameBytes)
            engine.setUplinkMirroring(mirroring)
        }
    }

    // MARK: The uplink

    private func applyUplink(of new: SwitchConfiguration, old: SwitchConfiguration?) throws {
        if let old, old.switchType == new.switchType, old.natSubnet == new.natSubnet, old.uplinkNames == new.uplinkNames {
            if old.adaptersOfHost != new.adaptersOfHost { try applyHostAdapters(of: new) }
            guard new.switchType == .nat else { return }
            return try changeForwardings(from: try Forwardings.of(old), to: try Forwardings.of(new))
        }
        try applyHostAdapters(of: new)
        let forwardings = try Forwardings.of(new)
        let subnet = try new.switchType == .nat ? NATSubnet(new.natSubnet ?? "") : nil
        let (type, devices) = (new.switchType, new.uplinkNames)
        let ownInterface = new.adaptersOfHost.first.map { SwitchConfiguration.interfaceName(of: $0.id) }
        let made = engine.perform { engine in
            Result<[String], any Error> {
                switch type {
                case .private, .internal:
                    engine.setUplink(nil)
                    return ownInterface.map { [$0] } ?? []
                case .external:
                    let uplinks = try devices.map { ($0, try TAPUplink(external: $0)) }
                    engine.setUplinks(uplinks.map { ($0, $1) })
                    return uplinks.map(\.1.interface)
                case .nat:
                    guard let subnet else { break }
                    engine.setUplink(try NATUplink(subnet))
                }
                return []
            }
        }
        let interfaces = try made?.get() ?? []
        hostInterface = interfaces.first
        team = type == .external && devices.count > 1 ? Array(zip(devices, interfaces)) : []
        working = []
        // A port that another program took while the switch was away must not keep the guests from their network.
        for forwarding in forwardings {
            let failure = engine.perform { engine in TransportedError.of { try engine.nat?.add(forwarding) } } ?? nil
            guard let failure else { continue }
            guard let old else {
                SwitchMain.say(failure.message)
                continue
            }
            try? applyUplink(of: old, old: nil)
            throw failure
        }
    }

    /// Looks once a second which devices of a team have a link, and leads frames by those.
    private func watchTeam(_ now: UInt64) {
        guard !team.isEmpty, now - lastLook >= 1_000_000_000 else { return }
        lastLook = now
        let up = Set(team.filter { BridgeLink.isUp($0.device, without: $0.interface) }.map(\.device))
        guard up != working else { return }
        working = up
        _ = engine.perform { $0.setWorking(up) }
    }

    /// The host's own adapters, all of them or as before.
    private func applyHostAdapters(of new: SwitchConfiguration) throws {
        let adapters = try new.adaptersOfHost.map { adapter in
            var settings = PortSettings(
                adapterId: adapter.id, virtualMachineId: new.id, virtualMachineName: "the host", adapterName: adapter.name,
                macAddress: "00155D000001")
            settings.vlan = PortVLAN(adapter.effectiveVLAN)
            settings.teamMember = adapter.teamMember
            (settings.dhcpGuard, settings.routerGuard, settings.mirroring) = (adapter.dhcpGuard, adapter.routerGuard, adapter.portMirroring)
            return try HostAdapterPort(id: adapter.id, interface: SwitchConfiguration.interfaceName(of: adapter.id), settings: settings)
        }
        let failure = engine.perform { engine in TransportedError.of { try engine.setHostAdapters(adapters) } } ?? nil
        if let failure { throw failure }
    }

    private func changeForwardings(from old: Set<PortForwarding>, to new: Set<PortForwarding>) throws {
        let failure = engine.perform { engine -> TransportedError? in
            guard let nat = engine.nat else { return nil }
            for forwarding in old.subtracting(new) { nat.remove(forwarding) }
            var added: [PortForwarding] = []
            for forwarding in new.subtracting(old) {
                if let failure = TransportedError.of({ try nat.add(forwarding) }) {
                    for done in added { nat.remove(done) }
                    for gone in old.subtracting(new) { try? nat.add(gone) }
                    return failure
                }
                added.append(forwarding)
            }
            return nil
        }
        if let failure = failure ?? nil { throw failure }
    }
}

/// A NAT switch's mappings as its uplink takes them.
enum Forwardings {
    static func of(_ configuration: SwitchConfiguration) throws -> Set<PortForwarding> {
        guard configuration.switchType == .nat else { return [] }
        let subnet = try NATSubnet(configuration.natSubnet ?? "")
        return Set(
            try (configuration.mappings ?? []).map { mapping in
                guard let external = NATSubnet.address(mapping.externalAddress), let target = NATSubnet.address(mapping.internalAddress),
                    subnet.contains(target)
                else {
                    throw NetworkError(
                        "MappingInvalid", .invalidArgument,
                        "The mapping of port \(mapping.externalPort) to “\(mapping.internalAddress)” leads out of the switch's network.",
                        action: "Name an address within \(configuration.natSubnet ?? "").", target: configuration.name)
                }
                return PortForwarding(
                    isUDP: mapping.transport == "UDP", externalAddress: external, externalPort: UInt16(clamping: mapping.externalPort),
                    internalAddress: target, internalPort: UInt16(clamping: mapping.internalPort))
            })
    }
}

extension TransportedError {
    /// What `body` threw; nil: nothing.
    static func of(_ body: () throws -> Void) -> TransportedError? {
        do {
            try body()
            return nil
        } catch {
            return TransportedError(error)
        }
    }
}
