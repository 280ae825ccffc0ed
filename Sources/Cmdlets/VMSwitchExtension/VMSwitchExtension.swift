import Basics
import Management
import Persistence

/// The programs that can stand inside a switch: one, which writes frames down.
enum SwitchExtension {
    static let id = "7a1f6c0e-52d3-4b7e-9a54-1c0c6e1d2b01"
    static let name = "Lunavisor Capture"

    /// What is known of it on every switch.
    static let common: [(name: String, value: Value)] = [
        ("Id", .string(id)), ("Name", .string(name)), ("Vendor", .string("Lunavisor")), ("Version", .string("1.0")),
        ("ExtensionType", .string("Capture")), ("ComputerName", .string(LocalHost.name)),
    ]

    /// Whether names that may be patterns mean it; an unknown name is an error.
    static func isMeant(by names: [Value]?, _ cmdlet: Cmdlet) throws -> Bool {
        guard let names else { return true }
        for text in names.map(\.text) {
            if WildcardPattern(text).matches(name) || text.lowercased() == id { return true }
            guard WildcardPattern.isPattern(text) else {
                throw ErrorRecord(
                    "There is no switch extension “\(text)”.", "SwitchExtensionNotFound", .objectNotFound, target: text,
                    action: "There is one: '\(name)'.", cmdlet: cmdlet.name)
            }
        }
        return false
    }
}

/// The extension on one switch.
final class SwitchExtensionObject: LiveObject {
    let virtualSwitch: VirtualSwitch

    init(_ virtualSwitch: VirtualSwitch) { self.virtualSwitch = virtualSwitch }

    var type: ObjectType { .switchExtension }
    var identity: String { "\(virtualSwitch.id)\\\(SwitchExtension.id)" }
    var displayName: String { SwitchExtension.name }

    func snapshot() throws -> Record {
        let isOn = try virtualSwitch.configuration().isCapturing ?? false
        let isRunning = try isOn && virtualSwitch.status() != nil
        return Record(
            typeName: type.name,
            SwitchExtension.common + [
                ("SwitchId", .string(virtualSwitch.id.description)), ("SwitchName", .string(virtualSwitch.name)),
                ("ParentExtensionId", .string("")), ("ParentExtensionName", .string("")), ("Enabled", .boolean(isOn)),
                ("Running", .boolean(isRunning)), ("IsDeleted", .boolean(false)),
                ("Path", .string("\(virtualSwitch.host.storePath)/Switches/\(virtualSwitch.id)/capture.pcap")),
            ])
    }
}

extension ObjectType {
    static let switchExtension = ObjectType(
        name: "VMSwitchExtension",
        properties: [
            .init("Id", "String", "Its identifier."), .init("Name", "String", "Its name."), .init("Vendor", "String", "Who made it."),
            .init("Version", "String", "Its version."),
            .init("ExtensionType", "VMSwitchExtensionType", "Capture: it sees frames and changes none."),
            .init("ComputerName", "String", "The host it is on."), .init("SwitchId", "String", "Identifier of the switch."),
            .init("SwitchName", "String", "The switch."), .init("ParentExtensionId", "String", "Empty."),
            .init("ParentExtensionName", "String", "Empty."), .init("Enabled", "Boolean", "Whether it writes frames down."),
            .init("Running", "Boolean", "Whether it does so now: the switch runs."), .init("IsDeleted", "Boolean", "False."),
            .init("Path", "String", "The capture file, readable by tshark."),
        ])
}

extension Cmdlet {
    /// `Get-VMSystemSwitchExtension`.
    static let getVMSystemSwitchExtension = Cmdlet(
        "Get", "VMSystemSwitchExtension", synopsis: "Gets the extensions that virtual switches of this host can have.",
        sets: [.init("Default", shape: .many)],
        parameters: [Parameter("Name", .string, "Names; wildcards are accepted.", many: true, wildcards: true)]
            + Parameter.remote(sets: []),
        output: "VMSystemSwitchExtension", examples: [Example("Get-VMSystemSwitchExtension", "The one there is: it captures frames.")],
        body: .perCall { invocation in
            guard try SwitchExtension.isMeant(by: invocation.list("Name"), invocation.cmdlet) else { return }
            try invocation.emit(.record(Record(typeName: "VMSystemSwitchExtension", SwitchExtension.common)))
        })

    /// `Get-VMSwitchExtension`.
    static let getVMSwitchExtension = Cmdlet(
        "Get", "VMSwitchExtension", synopsis: "Gets the extensions of virtual switches.",
        sets: [.init("SwitchName", isDefault: true, shape: .many), .init("SwitchObject", shape: .many)],
        parameters: [
            Parameter(
                "VMSwitchName", .name(of: "VMSwitch"), "Names of virtual switches; wildcards are accepted.", sets: ["SwitchName"],
                mandatory: true, position: 0, pipeline: .byValue, many: true, wildcards: true), .switchObject(sets: ["SwitchObject"]),
            Parameter("Name", .string, "Names of extensions; wildcards are accepted.", position: 1, many: true, wildcards: true),
        ] + Parameter.remote(sets: ["SwitchName"], sessionByProperty: true, hasPSName: true),
        output: "VMSwitchExtension", examples: [Example("Get-VMSwitchExtension inside", "Whether frames are captured, and where.")],
        body: .perTarget(parameters: ["VMSwitchName", "VMSwitch"]) { invocation, target in
            guard try SwitchExtension.isMeant(by: invocation.list("Name"), invocation.cmdlet) else { return }
            try invocation.emit(.object(SwitchExtensionObject(try target.virtualSwitch())))
        })

    /// `Enable-VMSwitchExtension`.
    static let enableVMSwitchExtension = switchingExtension(
        "Enable", "Turns extensions of virtual switches on.", isOn: true,
        details:
            "Lunavisor Capture writes every frame that comes into the switch, before rules and VLANs are applied, into capture.pcap in the switch's folder, at most twice 64 MiB.",
        example: Example("Enable-VMSwitchExtension 'Lunavisor Capture' inside", "Captures all frames of the switch inside."))

    /// `Disable-VMSwitchExtension`.
    static let disableVMSwitchExtension = switchingExtension(
        "Disable", "Turns extensions of virtual switches off.", isOn: false, details: "The capture file stays.",
        example: Example("Disable-VMSwitchExtension 'Lunavisor Capture' inside", "Captures no more."))

    private static func switchingExtension(_ verb: String, _ synopsis: String, isOn: Bool, details: String, example: Example) -> Cmdlet {
        Cmdlet(
            verb, "VMSwitchExtension", synopsis: synopsis, details: details,
            sets: ["ExtensionName", "ExtensionNameSwitchName", "ExtensionNameSwitchObject", "ExtensionObject"].map {
                .init($0, isDefault: $0 == "ExtensionName", shape: .many)
            },
            parameters: [
                Parameter(
                    "Name", .string, "Names of extensions; wildcards are accepted.",
                    sets: ["ExtensionName", "ExtensionNameSwitchName", "ExtensionNameSwitchObject"], mandatory: true, position: 0,
                    many: true,
                    wildcards: true, completion: .values(["'\(SwitchExtension.name)'"])),
                Parameter(
                    "VMSwitchName", .name(of: "VMSwitch"), "Names of virtual switches; without them it is done to all.",
                    sets: ["ExtensionNameSwitchName"], mandatory: true, position: 1, many: true, wildcards: true),
                Parameter(
                    "VMSwitch", .object("VMSwitch"), "Virtual switches, as Get-VMSwitch gives them.", sets: ["ExtensionNameSwitchObject"],
                    mandatory: true, position: 1, pipeline: .byValue, many: true),
                Parameter(
                    "VMSwitchExtension", .object("VMSwitchExtension"), "Extensions, as Get-VMSwitchExtension gives them.",
                    sets: ["ExtensionObject"], mandatory: true, position: 0, pipeline: .byValue, many: true),
            ] + Parameter.remote(sets: ["ExtensionName", "ExtensionNameSwitchName"], sessionByProperty: true, hasPSName: true),
            output: "VMSwitchExtension", examples: [example],
            body: .perCall { invocation in
                guard try SwitchExtension.isMeant(by: invocation.list("Name"), invocation.cmdlet) else { return }
                for found in try invocation.extensionSwitches() {
                    try found.configure { $0.isCapturing = isOn ? true : nil }
                    try invocation.emit(.object(SwitchExtensionObject(found)))
                }
            })
    }
}

extension Invocation {
    /// The switches that the arguments mean; without any all.
    fileprivate func extensionSwitches() throws -> [VirtualSwitch] {
        if let extensions = list("VMSwitchExtension") {
            return extensions.compactMap { value in
                if case .object(let object) = value { (object as? SwitchExtensionObject)?.virtualSwitch } else { nil }
            }
        }
        return try givenSwitches("VMSwitchName", "VMSwitch") ?? context.host.switches()
    }
}
