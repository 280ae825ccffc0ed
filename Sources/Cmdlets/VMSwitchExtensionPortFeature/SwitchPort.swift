import Basics
import Management
import Persistence

/// A port of a virtual switch: of a machine's adapter, of the host's, or the one that leads out.
enum SwitchPort {
    case machine(VirtualMachine, AdapterConfiguration)
    case host(HostAdapter, AdapterConfiguration)
    case external(VirtualSwitch, AdapterConfiguration)

    /// Its settings. Of a port that leads out only mirroring is one.
    var configuration: AdapterConfiguration {
        switch self {
        case .machine(_, let adapter), .host(_, let adapter), .external(_, let adapter): adapter
        }
    }

    var displayName: String {
        switch self {
        case .machine(let machine, let adapter): "“\(adapter.name)” of “\(machine.name)”"
        case .host(_, let adapter): "the host's “\(adapter.name)”"
        case .external(let found, _): "the external port of “\(found.name)”"
        }
    }

    /// Owner and port as InstanceID names them.
    private var instance: (owner: String, port: String) {
        switch self {
        case .machine(let machine, let adapter): (machine.machineId.description, adapter.id.description)
        case .host(let adapter, _): ("Host", adapter.id.description)
        case .external(let found, _): ("External", found.id.description)
        }
    }

    private var place: [(name: String, value: Value)] {
        switch self {
        case .machine(let machine, let adapter):
            [
                ("VMName", .string(machine.name)), ("VMId", .string(machine.machineId.description)),
                ("VMNetworkAdapterName", .string(adapter.name)),
            ]
        case .host(let adapter, let settings):
            [("VMNetworkAdapterName", .string(settings.name)), ("SwitchName", .string(adapter.virtualSwitch.name))]
        case .external(let found, _): [("SwitchName", .string(found.name))]
        }
    }

    /// What the port has of a feature, as scripts see it.
    func values(of feature: PortFeature) -> [Value] {
        let (owner, port) = instance
        return feature.read(configuration).map { setting in
            feature.value(InstanceName.of(owner, port, feature.identity.id, setting.key), setting.values, place: place)
        }
    }

    /// Changes its settings and gives it as it is then.
    func changed(_ cmdlet: String, _ change: (inout AdapterConfiguration) throws -> Void) throws -> SwitchPort {
        switch self {
        case .machine(let machine, let adapter):
            let new = try machine.configure { configuration in
                guard let index = configuration.adapters.firstIndex(where: { $0.id == adapter.id }) else { return }
                try change(&configuration.adapters[index])
            }
            return .machine(machine, new.adapters.first { $0.id == adapter.id } ?? adapter)
        case .host(let adapter, let settings):
            try adapter.configure(change)
            return .host(adapter, try adapter.settings() ?? settings)
        case .external(let found, let old):
            var new = old
            try change(&new)
            let mode = new.portMirroring
            new.portMirroring = old.portMirroring
            guard new == old else {
                throw ErrorRecord(
                    "\(cmdlet): the external port of “\(found.name)” can be mirrored (MonitorMode), and nothing else.",
                    "SwitchFeatureInvalid",
                    .invalidArgument, target: found.name,
                    action: "Leave the other settings as Get-VMSystemSwitchExtensionPortFeature gives them.",
                    cmdlet: cmdlet)
            }
            try found.configure { $0.externalMirroring = mode == "None" ? nil : mode }
            new.portMirroring = mode
            return .external(found, new)
        }
    }

    /// Refuses features that such a port does not have.
    func check(_ feature: PortFeature, _ cmdlet: String) throws {
        let isFit: Bool =
            switch self {
            case .machine: true
            case .host: feature.isOfHost
            case .external: feature.identity.id == PortFeature.security.identity.id
            }
        guard !isFit else { return }
        throw ErrorRecord(
            "\(cmdlet): \(displayName) does not have the feature “\(feature.identity.name)”.", "SwitchFeatureInvalid", .invalidArgument,
            target: feature.identity.name, action: "Ports of machines have every feature.", cmdlet: cmdlet)
    }

    static func external(_ found: VirtualSwitch) throws -> SwitchPort {
        var adapter = AdapterConfiguration(id: found.id, macAddress: "")
        adapter.portMirroring = try found.configuration().externalMirroring ?? "None"
        return .external(found, adapter)
    }
}

extension Invocation {
    /// The ports that the arguments mean; without any, `nil`.
    func switchPorts() throws -> [SwitchPort]? {
        var targets: [any LiveObject] = []
        if isOn("ExternalPort") { return try externalPorts() }
        if isOn("ManagementOS") {
            targets = try HostAdapterObject.chosen(arguments, cmdlet, context.host)
        } else if let named = list("VMNetworkAdapter") ?? list("VM") ?? list("VMName") {
            targets = try named.flatMap {
                try ObjectResolver.resolve($0, of: .name(of: "VirtualMachine"), cmdlet, context) { warn($0) }
            }
        } else {
            return nil
        }
        return try targets.flatMap { target in
            if let host = target as? HostAdapterObject {
                return try host.adapter.settings().map { [SwitchPort.host(host.adapter, $0)] } ?? []
            }
            let (machine, chosen) = try adapters(of: target)
            return chosen.map { SwitchPort.machine(machine, $0) }
        }
    }

    private func externalPorts() throws -> [SwitchPort] {
        guard let name = string("SwitchName") else {
            return try context.host.switches().filter { [.external, .nat].contains(try $0.configuration().switchType) }
                .map { try SwitchPort.external($0) }
        }
        let found = try context.host.virtualSwitch(named: name)
        let kind = try found.configuration().switchType
        guard kind == .external || kind == .nat else {
            throw ErrorRecord(
                "“\(found.name)” is \(kind.rawValue): it has no external port.", "SwitchKindInvalid", .invalidArgument, target: found.name,
                action: "External and NAT switches have one.", cmdlet: cmdlet.name)
        }
        return [try SwitchPort.external(found)]
    }

    /// The port that a feature was read from.
    func origin(of data: SettingData) throws -> (port: SwitchPort, key: String) {
        let host = context.host
        if let (owner, port, key) = InstanceName.parts(data.instance), let portId = GUID(port) {
            switch owner {
            case "Host":
                if let found = try host.hostAdapters().first(where: { $0.adapter.id == portId }) {
                    return (.host(found.adapter, found.settings), key)
                }
            case "External": return (try .external(try host.virtualSwitch(id: portId)), key)
            default:
                if let id = GUID(owner) {
                    let machine = try host.machine(id: id)
                    if let adapter = try machine.configuration().adapters.first(where: { $0.id == portId }) {
                        return (.machine(machine, adapter), key)
                    }
                }
            }
        }
        throw ErrorRecord(
            "\(cmdlet.name): which port? The feature is of none.", "SwitchPortMissing", .invalidArgument,
            action:
                "Take it from Get-VMSwitchExtensionPortFeature, or name the port: -VMName, -VMNetworkAdapter, -ManagementOS, -ExternalPort.",
            cmdlet: cmdlet.name)
    }
}
