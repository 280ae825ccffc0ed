import Basics
import Management
import Persistence

/// What a whole virtual switch can be set to by an extension: one feature, the bounds of what Lunavisor Capture writes down.
enum SwitchFeature {
    static let typeName = "VMSwitchExtensionSwitchFeature"
    static let capture = FeatureIdentity(
        id: "7a1f6c0e-52d3-4b7e-9a54-1c0c6e1d2b02", name: "Lunavisor Capture Settings", source: .capture)
    static let usualFileBytes = 64 << 20
    static let usualFrameBytes = 262_144

    /// The feature as no switch has it yet.
    static var template: Value { value(InstanceName.template(capture.id), usualFileBytes, usualFrameBytes, place: []) }

    /// What a switch has of it; nil: nothing but what every switch begins with.
    static func value(of found: VirtualSwitch) throws -> Value? {
        let configuration = try found.configuration()
        guard configuration.captureFileBytes != nil || configuration.captureFrameBytes != nil else { return nil }
        return value(
            InstanceName.of("Switch", found.id.description, capture.id, "0"), configuration.captureFileBytes ?? usualFileBytes,
            configuration.captureFrameBytes ?? usualFrameBytes, place: [("SwitchName", .string(configuration.name))])
    }

    private static func value(_ instance: String, _ fileBytes: Int, _ frameBytes: Int, place: [(name: String, value: Value)]) -> Value {
        capture.value(
            typeName, "SettingData",
            Record(
                typeName: "LunavisorCaptureSettingsData",
                [
                    ("InstanceID", .string(instance)), ("MaximumFileSize", .count(fileBytes)), ("MaximumFrameLength", .count(frameBytes)),
                ]), place: place)
    }

    /// The SettingData of a feature that a user gives back.
    static func given(_ value: Value, _ cmdlet: String) throws -> SettingData {
        let id = (try PropertyReader.property("Id", of: value))?.text ?? ""
        guard id.lowercased() == capture.id else {
            throw ErrorRecord(
                "\(cmdlet) -VMSwitchExtensionFeature: “\(id)” is no feature of switches.", "SwitchFeatureNotFound", .objectNotFound,
                target: id, action: "Get-VMSystemSwitchExtensionSwitchFeature lists them.", cmdlet: cmdlet)
        }
        return try SettingData(of: value, capture, known: ["MaximumFileSize", "MaximumFrameLength"], cmdlet: cmdlet)
    }

    static func write(_ data: SettingData, to found: VirtualSwitch) throws {
        let fileBytes = try Int(data.number("MaximumFileSize", 1 << 20...1 << 40))
        let frameBytes = try Int(data.number("MaximumFrameLength", 64...Int64(usualFrameBytes)))
        try found.configure { ($0.captureFileBytes, $0.captureFrameBytes) = (fileBytes, frameBytes) }
    }
}
