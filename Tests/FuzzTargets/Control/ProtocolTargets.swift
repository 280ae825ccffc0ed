import Basics
import Glibc
import Network
import Persistence
import Worker
import WorkerProtocol

extension FuzzTarget {
    /// The byte stream of a control socket, cut anywhere.
    static let controlFrames = FuzzTarget(
        "control-frames", "bytes of a peer: lengths, kinds, hello and requests", maximumLength: 8192,
        seeds: {
            let id = GUID(bytes: [UInt8](1...16))
            let hello = Frame(.hello, request: 0, body: (try? ProtocolCodec.encode(Hello(storeId: id, virtualMachineId: id))) ?? []).encoded
            let requests = ControlRequests.seeds().prefix(3).map { Frame(.request, request: 7, body: $0).encoded }
            return [hello, hello + requests.joined(), hello + [0, 0, 16, 0, 2, 1, 0, 0, 0], [255, 255, 255, 255, 1, 0, 0, 0, 0]]
        },
        run: { bytes in
            var decoder = FrameDecoder()
            let hello = Hello(storeId: GUID(bytes: [UInt8](1...16)), virtualMachineId: GUID(bytes: [UInt8](1...16)))
            var (rest, taken, saidHello) = (bytes[...], 0, false)
            while !rest.isEmpty {
                let part = rest.prefix(1 + Int(rest.first ?? 0) * 5)
                rest = rest.dropFirst(part.count)
                decoder.append(part)
                do {
                    while let frame = try decoder.next() {
                        taken += Frame.headerSize + frame.body.count
                        if !saidHello {
                            saidHello = (try? hello.agree(with: try ProtocolCodec.decode(Hello.self, from: frame.body))) != nil
                        }
                        if frame.kind == .request { ControlRequests.answer(frame.body) }
                    }
                } catch { break }
            }
            promise(taken <= bytes.count, "frames are made of what came")
        })

    /// Bodies of requests to workers and switches.
    static let controlRequests = FuzzTarget(
        "control-requests", "a request's JSON", maximumLength: 8192, seeds: ControlRequests.seeds
    ) { ControlRequests.answer($0) }
}

/// What workers and switches do with a request before they touch the machine.
private enum ControlRequests {
    static func answer(_ body: [UInt8]) {
        guard let head = try? ProtocolCodec.decode(RequestHead.self, from: body) else { return }
        func parameters<Request: WorkerRequest>(_ type: Request.Type) -> Request? { try? ProtocolCodec.parameters(type, of: body) }
        switch head.request {
        case StatusRequest.name: _ = parameters(StatusRequest.self)
        case VerbRequest.name: _ = parameters(VerbRequest.self)
        case ProcessorsRequest.name: _ = parameters(ProcessorsRequest.self)
        case ConsoleSendRequest.name: _ = parameters(ConsoleSendRequest.self)
        case ConsoleFollowRequest.name: _ = parameters(ConsoleFollowRequest.self)
        case ConsoleAttachRequest.name: _ = parameters(ConsoleAttachRequest.self)
        case KeyValueRequest.name: _ = parameters(KeyValueRequest.self)
        case IPConfigurationRequest.name: _ = parameters(IPConfigurationRequest.self)
        case FileCopyRequest.name: _ = parameters(FileCopyRequest.self)
        case ShutdownRequest.name: _ = parameters(ShutdownRequest.self)
        case ConfigureRequest.name:
            guard let request = parameters(ConfigureRequest.self) else { return }
            let count = request.descriptorCount
            if let handover = request.handover, (0...8).contains(count) { hand(handover, count) }
            ConfigurationCase.machine(Array(request.document.utf8))
        case MoveStorageRequest.name:
            guard let request = parameters(MoveStorageRequest.self) else { return }
            let count = request.handover.descriptorCount
            if (0...8).contains(count) { hand(request.handover, count) }
            for move in (try? StorageMove.decode(request.moves)) ?? [] {
                var configuration = VirtualMachineConfiguration(id: GUID(bytes: [UInt8](1...16)), name: "web01", creationTime: 0)
                _ = (move.size, configuration.admits(move))
                configuration.announce(move)
                configuration.complete(move, left: [])
            }
        case SwitchConfigureRequest.name:
            if let request = parameters(SwitchConfigureRequest.self) { ConfigurationCase.virtualSwitch(Array(request.document.utf8)) }
        default: break
        }
    }

    /// Takes every device of a description with descriptors of our own.
    private static func hand(_ handover: DeviceHandover, _ count: Int) {
        let files = (0..<count).map { _ in open("/dev/null", O_RDONLY | O_CLOEXEC) }
        guard let devices = try? HandedDevices(handover, descriptors: files) else { return }
        for disk in handover.disks {
            for descriptor in devices.takeDisk(controller: disk.controller, location: disk.location)?.descriptors ?? [] {
                close(descriptor)
            }
        }
        for port in handover.ports { if let folder = devices.takePort(adapter: port.adapter)?.folder { close(folder) } }
        devices.closeAll()
    }

    static func seeds() -> [[UInt8]] {
        func body<Request: WorkerRequest>(_ request: Request) -> [UInt8] {
            (try? ProtocolCodec.frame(request, id: 1, deadline: 10))?.body ?? []
        }
        let id = GUID(bytes: [UInt8](1...16))
        var handover = DeviceHandover()
        handover.disks = [
            DiskHandover(
                controller: id, location: 1, kind: "HardDisk", readOnly: false,
                chain: [.init(descriptor: 0, path: "/a.vhdx", format: "VHDX")])
        ]
        handover.ports = [PortHandover(adapter: id, switchId: id, descriptor: 1)]
        let machine = String(decoding: ConfigurationCase.machineDocument(), as: UTF8.self)
        let network = String(decoding: ConfigurationCase.switchDocument(), as: UTF8.self)
        var folders = DeviceHandover()
        folders.folders = [FolderHandover(path: "/new", descriptor: 0)]
        let file = StorageMove.File(source: "/a.vhdx", destination: "/new/a.vhdx", format: "VHDX", parent: nil, size: 1)
        let moves = (try? StorageMove.encode([StorageMove(files: [file], snapshotFileLocation: "/new")])) ?? ""
        return [
            body(MoveStorageRequest(moves: moves, handover: folders)), body(StatusRequest()),
            body(ConfigureRequest(document: machine, handover: handover)),
            body(SwitchConfigureRequest(document: network)),
            body(SwitchStatusRequest()), body(SwitchProbeResultRequest()),
            body(SwitchProbeRequest(adapterId: id, sender: 0x0A00_0001, receiver: 0x0A00_0002, sequence: 1, payload: 32)),
        ]
    }
}
