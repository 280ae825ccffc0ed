extension ObjectType {
    /// The types of live objects that cmdlets give, by name.
    public static let known: [ObjectType] = [
        .accessRule, .checkpoint, .compatibilityReport, .dvdDrive, .extendedRule, .hardDiskDrive, .integrationComponent, .routingDomain,
        .switchExtension, .virtualHardDisk, .virtualProcessor, .vlanSetting, .vmBios, .vmComPort, .vmFirmware, .vmFloppyDiskDrive, .vmGroup,
        .vmHost, .vmHostNumaNode, .vmMemory, .vmNetworkAdapter, .vmNumaNodeStatus, .vmProcessor, .vmScsiController, .vmService,
        .vmStorageSetting,
        PartitionObject.objectType, VirtualMachineObject.objectType, VirtualSwitchObject.objectType, VMEventObject.objectType,
    ].sorted { $0.name < $1.name }

    /// The type that a cmdlet's `output` names, where its objects' properties are known before there is one.
    public static func named(_ name: String) -> ObjectType? { known.first { $0.name == name } }
}
