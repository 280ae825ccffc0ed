import Basics
import Management

/// A named group of settings or readings of virtual switches and their ports.
struct FeatureIdentity: Sendable {
    /// Who brings it.
    enum Source: Sendable, CaseIterable {
        /// The switch itself; scripts know its extension by this identifier and name.
        case native
        case capture

        var id: String {
            switch self {
            case .native: "11ec6134-128a-4a23-b12f-164184b48348"
            case .capture: SwitchExtension.id
            }
        }

        var name: String {
            switch self {
            case .native: "Microsoft Virtual Ethernet Switch Native Extension"
            case .capture: SwitchExtension.name
            }
        }
    }

    let id: String
    let name: String
    let source: Source

    /// The feature as scripts see it; `data` is its SettingData, or the Data of a reading.
    func value(_ type: String, _ dataName: String, _ data: Record, place: [(name: String, value: Value)] = []) -> Value {
        .record(
            Record(
                typeName: type,
                [
                    ("Id", .string(id)), ("ExtensionId", .string(source.id)), ("ExtensionName", .string(source.name)),
                    ("Name", .string(name)), (dataName, .record(data)),
                ] + place + [("ComputerName", .string(LocalHost.name)), ("IsDeleted", .boolean(false))]))
    }
}

extension Parameter {
    /// -FeatureName, -FeatureId, -ExtensionName and, under its name, the extensions themselves.
    static func featureChoice(extensionParameter name: String, type: String) -> [Parameter] {
        [
            Parameter("FeatureName", .string, "Names of features; wildcards are accepted.", many: true, wildcards: true),
            Parameter("FeatureId", .guid, "Identifiers of features.", many: true),
            Parameter(name, .object(type), "Extensions, as Get-\(type) gives them.", many: true),
            Parameter("ExtensionName", .string, "Names of extensions; wildcards are accepted.", many: true, wildcards: true),
        ]
    }
}

extension Invocation {
    /// Those of `all` that -FeatureName, -FeatureId, -Extension and -ExtensionName choose. A name that none has is an error.
    func chosenFeatures<Feature>(_ all: [Feature], _ identity: (Feature) -> FeatureIdentity) throws -> [Feature] {
        let names = list("FeatureName")?.map(\.text)
        for name in names ?? [] where !WildcardPattern.isPattern(name) {
            guard !all.contains(where: { identity($0).name.lowercased() == name.lowercased() }) else { continue }
            throw ErrorRecord(
                "There is no feature “\(name)”.\(Spelling.hint(name, among: all.map { identity($0).name }))", "SwitchFeatureNotFound",
                .objectNotFound, target: name, action: "\(Self.lister(cmdlet.noun)) lists them.", cmdlet: cmdlet.name)
        }
        let ids = list("FeatureId")?.map { $0.text.lowercased() }
        for id in ids ?? [] where !all.contains(where: { identity($0).id == id }) {
            throw ErrorRecord(
                "There is no feature with the id “\(id)”.", "SwitchFeatureNotFound", .objectNotFound, target: id,
                action: "\(Self.lister(cmdlet.noun)) lists them.", cmdlet: cmdlet.name)
        }
        let objects = (list("Extension") ?? list("SystemSwitchExtension"))?.map { value -> String in
            if case .object(let object) = value { return object is SwitchExtensionObject ? SwitchExtension.id : "" }
            return (try? PropertyReader.property("Id", of: value))?.map(\.text) ?? ""
        }
        let extensions = list("ExtensionName")?.map(\.text)
        return all.filter { feature in
            let it = identity(feature)
            func matches(_ patterns: [String]?, _ name: String) -> Bool {
                patterns?.contains { WildcardPattern($0).matches(name) || $0.lowercased() == name.lowercased() } ?? true
            }
            return matches(names, it.name) && ids?.contains(it.id) ?? true && objects?.contains(it.source.id) ?? true
                && matches(extensions, it.source.name)
        }
    }

    private static func lister(_ noun: String) -> String {
        noun.hasSuffix("SwitchFeature") || noun.hasSuffix("SwitchData")
            ? "Get-VMSystemSwitchExtensionSwitchFeature" : "Get-VMSystemSwitchExtensionPortFeature"
    }
}
