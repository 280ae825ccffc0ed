import Basics
import FoundationEssentials
import Glibc
import Network
import Persistence

extension FuzzTarget {
    /// Configurations of machines and switches as somebody wrote them.
    static let configurations = FuzzTarget(
        "configurations", "machine or switch, then its document", maximumLength: 8192,
        seeds: { [[0] + ConfigurationCase.machineDocument(), [1] + ConfigurationCase.switchDocument()] },
        run: { bytes in
            let document = Array(bytes.dropFirst())
            if (bytes.first ?? 0) & 1 == 0 { ConfigurationCase.machine(document) } else { ConfigurationCase.virtualSwitch(document) }
        })

    /// The files of a machine's folder that we write and read again: run record, events, console.
    static let storedFiles = FuzzTarget(
        "stored-files", "which file, then its content", maximumLength: 16384, seeds: StoredFileCase.seeds
    ) { StoredFileCase.run($0) }
}

enum ConfigurationCase {
    static func machine(_ document: [UInt8]) {
        guard
            let configuration = try? Document.decode(
                VirtualMachineConfiguration.self, from: document, currentVersion: VirtualMachineConfiguration.currentVersion, path: "x",
                corrupt: "C", newer: "N"), (try? configuration.check()) != nil
        else { return }
        let plain = VirtualMachineConfiguration(id: configuration.id, name: "plain", creationTime: 0)
        _ = plain.difference(to: configuration)
        _ = configuration.difference(to: plain)
        guard let again = try? Document.encode(configuration) else { fatalError("what was read can be written") }
        _ = try? JSONDecoder().decode(VirtualMachineConfiguration.self, from: Data(again))
    }

    static func virtualSwitch(_ document: [UInt8]) {
        guard let configuration = try? SwitchFolder.decode(document, path: "x"), (try? configuration.check()) != nil else { return }
        _ = configuration.adaptersOfHost.map { SwitchConfiguration.interfaceName(of: $0.id) }
        if let text = configuration.natSubnet, let subnet = try? NATSubnet(text) {
            _ = (subnet.mask, subnet.gateway, subnet.nameServer, subnet.firstLease)
            for mapping in configuration.mappings ?? [] { _ = NATSubnet.address(mapping.internalAddress).map { subnet.contains($0) } }
        }
    }

    static func machineDocument() -> [UInt8] {
        var configuration = VirtualMachineConfiguration(id: GUID(bytes: [UInt8](1...16)), name: "vm", creationTime: 5)
        var controller = VirtualMachineConfiguration.SCSIController(id: GUID(bytes: [UInt8](2...17)))
        controller.drives = [.init(kind: .hardDisk, location: 0, path: "/a.vhdx", format: "VHDX")]
        configuration.scsiControllers = [controller]
        var adapter = VirtualMachineConfiguration.NetworkAdapter(id: GUID(bytes: [UInt8](3...18)), macAddress: "020000000001")
        adapter.vlan = .init(mode: "Access")
        adapter.accessRules = [.init(action: "Deny", direction: "Inbound")]
        configuration.networkAdapters = [adapter]
        return (try? Document.encode(configuration)) ?? []
    }

    static func switchDocument() -> [UInt8] {
        var configuration = SwitchConfiguration(id: GUID(bytes: [UInt8](1...16)), name: "nat", switchType: .nat, creationTime: 5)
        configuration.natSubnet = "192.168.100.0/24"
        configuration.mappings = [
            .init(
                id: 1, transport: "TCP", externalAddress: "0.0.0.0", externalPort: 2222, internalAddress: "192.168.100.15", internalPort: 22
            )
        ]
        return (try? Document.encode(configuration)) ?? []
    }
}

private enum StoredFileCase {
    /// A folder of this process, in memory or in /tmp; it goes when the process ends.
    private static let folder: Folder? = {
        for place in ["/dev/shm", "/tmp"] {
            var template = Array("\(place)/lunavisor-fuzz-XXXXXX".utf8CString)
            guard let path = mkdtemp(&template).map({ String(cString: $0) }) else { continue }
            atexit { StoredFileCase.leave() }
            return try? Folder(path: path)
        }
        return nil
    }()

    private static func leave() { if let folder { rmdir(folder.path) } }

    private static let names = ["events.jsonl", "running.json", "console-0.ring"]

    static func run(_ bytes: [UInt8]) {
        guard let folder else { return }
        let kind = Int(bytes.first ?? 0) % 3
        defer { for name in names { try? folder.remove(name) } }
        let content = Array(bytes.dropFirst())
        switch kind {
        case 0:
            guard (try? folder.replaceFile(EventLog.fileName, with: content)) != nil else { return }
            let log = try? EventLog(folder: folder)
            guard let written = try? log?.append(VirtualMachineEvent(.started, message: "a line")) else { return }
            guard let events = try? EventLog.read(in: folder) else { fatalError("the log can be read") }
            promise(events.contains { $0.sequence == written.sequence }, "what was appended is there")
        case 1:
            _ = try? Document.decode(
                RunRecord.self, from: content, currentVersion: RunRecord.currentVersion, path: "x", corrupt: "", newer: "")
        default:
            guard (try? folder.replaceFile(ConsoleRing.fileName(port: 0), with: content)) != nil else { return }
            guard let writer = try? ConsoleRing.Writer(port: 0, folder: folder) else { return }
            writer.beginSession()
            writer.append(Array("text".utf8))
            writer.append([UInt8](repeating: 65, count: 5000))
            _ = writer.end
        }
    }

    static func seeds() -> [[UInt8]] {
        let event = (try? Document.encodeLine(VirtualMachineEvent(.started, message: "text"))) ?? []
        let record = (try? Document.encode(RunRecord(partitionId: 3, state: "Running", isHosted: false))) ?? []
        var ring = [UInt8](repeating: 0, count: 4096 + 256)
        if let folder, let writer = try? ConsoleRing.Writer(port: 0, folder: folder) {
            writer.append(Array("hello".utf8))
            if let bytes = try? folder.readFile(ConsoleRing.fileName(port: 0), limit: 1 << 24) { ring = Array(bytes.prefix(8192)) }
            try? folder.remove(ConsoleRing.fileName(port: 0))
        }
        return [[0] + event + [10] + event + [10], [0] + event + [10] + event.prefix(20), [1] + record, [2] + ring]
    }
}
