extension ObjectType {
    /// The type that a cmdlet's `output` names, where its objects' properties are known before there is one.
    public static func named(_ name: String) -> ObjectType? { known[name] }

    private static let known: [String: ObjectType] = {
        let all: [ObjectType] = [
            VirtualMachineObject.objectType, VirtualSwitchObject.objectType, .hardDiskDrive, .dvdDrive, .vmComPort, .vmProcessor,
            .vmFirmware,
            .accessRule, .compatibilityReport, .vmMemory, .vmNetworkAdapter, .vlanSetting, .virtualHardDisk, .virtualProcessor, .vmHost,
            .checkpoint, .vmScsiController, .integrationComponent,
        ]
        return Dictionary(all.map { ($0.name, $0) }) { first, _ in first }
    }()
}
