import Basics
import Management
import Persistence

/// What a port of a virtual switch can be set to, as one thing that scripts copy, change and give back. Its settings are those of
/// Set-VMNetworkAdapter and its kin: reading and writing go to the same configuration.
struct PortFeature: Sendable {
    /// One of it that a port has.
    struct Setting {
        /// Tells it from others of one port.
        var key = "0"
        var values: [(name: String, value: Value)]
    }

    let identity: FeatureIdentity
    /// A port has any number of it, each with settings of its own.
    var isMany = false
    /// The host's own adapters have it, too.
    var isOfHost = false
    /// The settings with the values that a new one begins with.
    let defaults: [(name: String, value: Value)]
    let read: @Sendable (AdapterConfiguration) -> [Setting]
    /// Sets it; `key`: in the place of that one.
    let write: @Sendable (SettingData, inout AdapterConfiguration, _ key: String?) throws -> Void
    let remove: @Sendable (inout AdapterConfiguration, _ key: String) -> Void

    /// Every feature, by name.
    static let all: [PortFeature] = [accessRules, bandwidth, extendedRules, isolation, profile, security, vlan]

    static func named(_ id: String) -> PortFeature? { all.first { $0.identity.id == id.lowercased() } }

    static let typeName = "VMSwitchExtensionPortFeature"

    /// The feature as no port has it yet.
    var template: Value { value(InstanceName.template(identity.id), defaults) }

    func value(_ instance: String, _ settings: [(name: String, value: Value)], place: [(name: String, value: Value)] = []) -> Value {
        identity.value(
            Self.typeName, "SettingData",
            Record(typeName: className, [("InstanceID", .string(instance))] + settings), place: place)
    }

    /// The class of the settings, as the real module's objects name it.
    private var className: String {
        let words = identity.name.replacing("ACL", with: "Acl").replacing("VLAN", with: "Vlan").replacing("Settings", with: "SettingData")
        return "Msvm_" + words.filter { $0 != " " }
    }

    /// The feature that a user gives back, with its settings.
    static func given(_ value: Value, _ cmdlet: String) throws -> (feature: PortFeature, data: SettingData) {
        let id = (try PropertyReader.property("Id", of: value))?.text ?? ""
        guard let feature = named(id) else {
            throw ErrorRecord(
                "\(cmdlet) -VMSwitchExtensionFeature: “\(id)” is no feature of ports.", "SwitchFeatureNotFound", .objectNotFound,
                target: id,
                action: "Get-VMSystemSwitchExtensionPortFeature lists them.", cmdlet: cmdlet)
        }
        return (feature, try SettingData(of: value, feature.identity, known: feature.defaults.map(\.name), cmdlet: cmdlet))
    }
}

/// Names of settings as InstanceID holds them: `Microsoft:OWNER\PORT\FEATURE\KEY`, of a template `Microsoft:Definition\FEATURE\Default`.
enum InstanceName {
    static func template(_ feature: String) -> String { "Microsoft:Definition\\\(feature)\\Default" }
    static func of(_ owner: String, _ port: String, _ feature: String, _ key: String) -> String {
        "Microsoft:\(owner)\\\(port)\\\(feature)\\\(key)"
    }

    /// The parts; nil: it is a template's, or none at all.
    static func parts(_ name: String) -> (owner: String, port: String, key: String)? {
        guard name.hasPrefix("Microsoft:") else { return nil }
        let parts = name.dropFirst("Microsoft:".count).split(separator: "\\", maxSplits: 3, omittingEmptySubsequences: false)
        return parts.count == 4 ? (String(parts[0]), String(parts[1]), String(parts[3])) : nil
    }
}
