import Basics
import Persistence

extension Cmdlet {
    private static let noPrivate = Parameter.Effect.refused("there are no private VLANs")

    /// `Set-VMNetworkAdapterVlan`.
    static let setVMNetworkAdapterVlan = Cmdlet(
        "Set", "VMNetworkAdapterVlan", synopsis: "Puts network adapters into VLANs.",
        details:
            "-Access gives the guest one VLAN without tags; -Trunk passes tagged frames of the allowed VLANs, and untagged ones as those of the native VLAN; -Untagged undoes both.",
        sets: ParameterSet.adapterSets(),
        parameters: Parameter.adapterMachines() + [
            .vmNetworkAdapter(many: true), .longAdapterName,
            Parameter("Untagged", .switched, "No VLAN.", aliases: ["u"]), Parameter("Access", .switched, "One VLAN.", aliases: ["a"]),
            Parameter("VlanId", .integer(0...65_535), "The VLAN of -Access, 1 to 4094.", aliases: ["AccessVlanId"]),
            Parameter("Trunk", .switched, "Several VLANs.", aliases: ["t"]),
            Parameter("NativeVlanId", .integer(0...65_535), "The VLAN of untagged frames of -Trunk, 0 to 4094."),
            Parameter("AllowedVlanIdList", .string, "The VLANs of -Trunk, like 10,20-29."),
            Parameter("Isolated", .switched, "A private VLAN.", aliases: ["i"], effect: noPrivate),
            Parameter("Community", .switched, "A private VLAN.", aliases: ["c"], effect: noPrivate),
            Parameter("Promiscuous", .switched, "A private VLAN.", aliases: ["p"], effect: noPrivate),
            Parameter("PrimaryVlanId", .integer(0...65_535), "A private VLAN.", effect: noPrivate),
            Parameter("SecondaryVlanId", .integer(0...65_535), "A private VLAN.", effect: noPrivate),
            Parameter("SecondaryVlanIdList", .string, "Private VLANs.", effect: noPrivate), .passthru,
        ],
        output: "VMNetworkAdapterVlanSetting",
        examples: [
            Example("Set-VMNetworkAdapterVlan web01 -Access -VlanId 100", "All adapters of web01 into VLAN 100."),
            Example("Set-VMNetworkAdapterVlan web01 -Trunk -NativeVlanId 1 -AllowedVlanIdList '10-20'", "A trunk."),
            Example("Set-VMNetworkAdapterVlan web01 -Untagged", "Out of all VLANs."),
        ],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM", "VMNetworkAdapter"]) { invocation, target in
            let vlan = try invocation.vlan()
            if let host = target as? HostAdapterObject {
                try host.adapter.configure { $0.vlan = vlan }
                if invocation.isOn("Passthru") { try invocation.emit(.object(HostVlanSettingObject(host.adapter, name: host.displayName))) }
                return
            }
            let (machine, chosen) = try invocation.adapters(of: target)
            let new = try machine.configure { configuration in
                for index in configuration.adapters.indices where chosen.contains(where: { $0.id == configuration.adapters[index].id }) {
                    configuration.adapters[index].vlan = vlan
                }
            }
            guard invocation.isOn("Passthru") else { return }
            for adapter in new.adapters where chosen.contains(where: { $0.id == adapter.id }) {
                try invocation.emit(.object(VlanSettingObject(machine, adapter)))
            }
        })
}

extension Invocation {
    /// What the mode switches and their ids say; nil: untagged.
    fileprivate func vlan() throws -> VirtualMachineConfiguration.VLAN? {
        func misuse(_ text: String, _ action: String? = nil) -> ErrorRecord {
            ErrorRecord("\(cmdlet.name): \(text)", "AmbiguousParameterSet", .invalidArgument, action: action, cmdlet: cmdlet.name)
        }
        let modes = ["Untagged", "Access", "Trunk"].filter { isOn($0) }
        guard modes.count <= 1 else { throw misuse("-\(modes.joined(separator: " and -")) do not go together.") }
        let owners = ["VlanId": "Access", "NativeVlanId": "Trunk", "AllowedVlanIdList": "Trunk"]
        // As the module has it: an id alone says its mode.
        let implied = owners.filter { isGiven($0.key) }.map(\.value)
        guard let mode = modes.first ?? implied.first else {
            throw misuse("which mode?", "Write -Access -VlanId N, -Trunk -NativeVlanId N -AllowedVlanIdList LIST, or -Untagged.")
        }
        if let wrong = owners.first(where: { isGiven($0.key) && $0.value != mode }) {
            throw misuse("-\(wrong.key) goes with -\(wrong.value), not with -\(mode).")
        }
        guard mode != "Untagged" else { return nil }
        var vlan = VirtualMachineConfiguration.VLAN(mode: mode)
        if mode == "Access" {
            guard let id = number("VlanId") else { throw misuse("-Access needs -VlanId.") }
            vlan.accessId = id
            return vlan
        }
        guard let native = number("NativeVlanId"), let text = string("AllowedVlanIdList") else {
            throw misuse("-Trunk needs -NativeVlanId and -AllowedVlanIdList.")
        }
        guard let ids = VlanList.parse(text) else {
            throw ErrorRecord(
                "\(cmdlet.name) -AllowedVlanIdList “\(text)” is not a list of VLAN ids.", "VlanIdOutOfRange", .invalidArgument,
                target: text,
                action: "Write ids from 1 to 4094 and ranges, like 10,20-29.", cmdlet: cmdlet.name)
        }
        (vlan.nativeId, vlan.allowedIds) = (native, ids)
        return vlan
    }
}
