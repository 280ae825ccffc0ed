import Basics
import Management
import Persistence

/// What the cmdlets on network adapters share.
extension Parameter {
    /// -VMName, -VM, -ManagementOS and -ComputerName ….
    static func adapterMachines(mandatory: Bool = true, ofHost host: Parameter = .managementOS) -> [Parameter] {
        [.partVMName(mandatory: mandatory), .vm(), host] + remote(sets: ["VMName", "ManagementOS"])
    }

    static let managementOS = Parameter(
        "ManagementOS", .switched, "Adapters of the host on its virtual switches.", sets: ["ManagementOS"], mandatory: true)

    /// -ManagementOS of the cmdlets on access rules.
    static let noRulesOfHost = Parameter(
        "ManagementOS", .switched, "Adapters of the host.", sets: ["ManagementOS"], mandatory: true,
        effect: .refused("access rules are for machines; the host has its kernel's own"))

    static func vmNetworkAdapter(sets: [String] = ["ResourceObject"], many: Bool) -> Parameter {
        Parameter(
            "VMNetworkAdapter", .object("VMNetworkAdapter"), "Adapters, as Get-VMNetworkAdapter gives them.", sets: sets, mandatory: true,
            position: 0, pipeline: .byValue, many: many)
    }

    /// -Name of an adapter.
    static func adapterName(sets: [String], position: Int? = nil, many: Bool = false, remote: Bool = false) -> Parameter {
        Parameter(
            "Name", .string, "Name of the adapter; wildcards are accepted.", aliases: ["VMNetworkAdapterName"], sets: sets,
            position: position, many: many, wildcards: true)
    }

    static let longAdapterName = Parameter(
        "VMNetworkAdapterName", .string, "Name of the adapter; wildcards are accepted.", sets: ["VMName", "ManagementOS", "VMObject"],
        wildcards: true)
}

extension Cmdlet.ParameterSet {
    /// The sets of a verb on adapters.
    static func adapterSets(_ names: [String] = ["VMName", "ResourceObject", "ManagementOS", "VMObject"]) -> [Cmdlet.ParameterSet] {
        names.map {
            .init($0, isDefault: $0 == names[0], shape: .computed("a list with -Passthru") { $0.isOn("Passthru") ? .many : .nothing })
        }
    }
}

typealias AdapterConfiguration = VirtualMachineConfiguration.NetworkAdapter

extension Invocation {
    /// The adapters of a target: it, or those of the machine that -Name picks. A name without wildcards that none has is an error.
    func adapters(of target: any LiveObject) throws -> (machine: VirtualMachine, adapters: [AdapterConfiguration]) {
        let machine = try target.virtualMachine()
        let all = try machine.configuration().adapters
        if let object = target as? NetworkAdapterObject {
            guard let own = all.first(where: { $0.id == object.id }) else { throw adapterMissing(object.displayName, machine.name, all) }
            return (machine, [own])
        }
        guard let names = list("Name") ?? list("VMNetworkAdapterName") else { return (machine, all) }
        var found: [AdapterConfiguration] = []
        for name in names.map(\.text) {
            let pattern = WildcardPattern(name)
            let matching = all.filter { pattern.matches($0.name) || $0.name.lowercased() == name.lowercased() }
            if matching.isEmpty, !WildcardPattern.isPattern(name) { throw adapterMissing(name, machine.name, all) }
            found += matching.filter { adapter in !found.contains { $0.id == adapter.id } }
        }
        return (machine, found)
    }

    private func adapterMissing(_ name: String, _ machine: String, _ all: [AdapterConfiguration]) -> ErrorRecord {
        ErrorRecord(
            "“\(machine)” has no network adapter “\(name)”.\(Spelling.hint(name, among: all.map(\.name)))", "AdapterNotFound",
            .objectNotFound,
            target: name, action: "Get-VMNetworkAdapter \(machine) lists those it has.", cmdlet: cmdlet.name)
    }

    /// Changes the target's adapters together and gives those that -Passthru asks for.
    func changeAdapters(of target: any LiveObject, _ change: (inout AdapterConfiguration) throws -> Void) throws {
        if let host = target as? HostAdapterObject {
            try host.adapter.configure(change)
            return try passthru(target)
        }
        let (machine, chosen) = try adapters(of: target)
        let new = try machine.configure { configuration in
            for index in configuration.adapters.indices where chosen.contains(where: { $0.id == configuration.adapters[index].id }) {
                try change(&configuration.adapters[index])
            }
        }
        guard isOn("Passthru") else { return }
        for adapter in new.adapters where chosen.contains(where: { $0.id == adapter.id }) {
            try emit(.object(NetworkAdapterObject(machine, adapter)))
        }
    }

    /// A MAC address as configurations hold it.
    func macAddress(_ parameter: String) throws -> String? {
        guard let text = string(parameter) else { return nil }
        guard let address = MACAddress.normalised(text) else {
            throw ErrorRecord(
                "\(cmdlet.name) -\(parameter) “\(text)” is not a MAC address.", "MacAddressInvalid", .invalidArgument, target: text,
                action: "Give twelve hexadecimal digits, like 00155D010203 or 00-15-5D-01-02-03.", cmdlet: cmdlet.name)
        }
        return address
    }

    /// What an On or Off parameter says; nil: not given.
    func onOff(_ name: String) -> Bool? { string(name).map { $0 == "On" } }
}
