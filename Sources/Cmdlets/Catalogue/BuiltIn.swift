extension Catalogue {
    /// The cmdlets the house brings.
    public static let builtIn: [Cmdlet] = machineCmdlets + shellCmdlets

    /// Cmdlets for machines and what belongs to them, by name.
    public static let machineCmdlets: [Cmdlet] = [
        .addNetNatStaticMapping, .addVMDvdDrive, .addVMGroupMember, .addVMHardDiskDrive, .addVMNetworkAdapter,
        .addVMNetworkAdapterAcl, .addVMNetworkAdapterExtendedAcl, .addVMNetworkAdapterRoutingDomainMapping, .addVMScsiController,
        .addVMStoragePath, .addVMSwitch, .addVMSwitchExtensionPortFeature, .addVMSwitchExtensionSwitchFeature,
        .addVMSwitchTeamMember, .checkpointVM, .compareVM, .connectVMConsole, .connectVMNetworkAdapter, .convertVHD, .copyVMFile,
        .debugVM, .disableVMConsoleSupport, .disableVMEventing, .disableVMIntegrationService, .disableVMResourceMetering,
        .disableVMSwitchExtension, .disconnectVMNetworkAdapter, .dismountVHD, .enableVMConsoleSupport, .enableVMEventing,
        .enableVMIntegrationService, .enableVMResourceMetering, .enableVMSwitchExtension, .exportVM, .exportVMSnapshot,
        .getNetNatStaticMapping, .getPartition, .getTrustedComputingBase, .getVHD, .getVHDSet, .getVHDSnapshot, .getVirtualProcessor,
        .getVM, .getVMBios,
        .getVMComPort, .getVMDvdDrive, .getVMEvent, .getVMFile, .getVMFirmware, .getVMFloppyDiskDrive, .getVMGroup,
        .getVMHardDiskDrive, .getVMHost, .getVMHostNumaNode, .getVMHostNumaNodeStatus, .getVMHostSupportedVersion,
        .getVMIdeController, .getVMIntegrationService, .getVMKeyValuePair, .getVMMemory, .getVMNetworkAdapter,
        .getVMNetworkAdapterAcl, .getVMNetworkAdapterExtendedAcl, .getVMNetworkAdapterIsolation,
        .getVMNetworkAdapterRoutingDomainMapping, .getVMNetworkAdapterTeamMapping, .getVMNetworkAdapterVlan, .getVMProcessor,
        .getVMResourcePool, .getVMScsiController, .getVMService, .getVMSnapshot, .getVMStoragePath, .getVMStorageSettings, .getVMSwitch,
        .getVMSwitchExtension, .getVMSwitchExtensionPortData, .getVMSwitchExtensionPortFeature, .getVMSwitchExtensionSwitchData,
        .getVMSwitchExtensionSwitchFeature, .getVMSwitchTeam, .getVMSystemSwitchExtension, .getVMSystemSwitchExtensionPortFeature,
        .getVMSystemSwitchExtensionSwitchFeature, .importVM, .measureArchitecture, .measureVM, .measureVMResourcePool, .mergeVHD,
        .mountVHD, .moveVMStorage, .newVFD, .newVHD, .newVHDSnapshot, .newVM, .newVMGroup, .newVMResourcePool, .newVMSwitch, .optimizeVHD,
        .optimizeVHDSet, .receiveVMConsole, .removeNetNatStaticMapping, .removeVHDSnapshot, .removeVM, .removeVMDvdDrive,
        .removeVMGroup, .removeVMGroupMember, .removeVMHardDiskDrive, .removeVMKeyValuePair, .removeVMNetworkAdapter,
        .removeVMNetworkAdapterAcl, .removeVMNetworkAdapterExtendedAcl, .removeVMNetworkAdapterRoutingDomainMapping,
        .removeVMNetworkAdapterTeamMapping, .removeVMResourcePool, .removeVMSavedState, .removeVMScsiController, .removeVMSnapshot,
        .removeVMStoragePath, .removeVMSwitch, .removeVMSwitchExtensionPortFeature, .removeVMSwitchExtensionSwitchFeature,
        .removeVMSwitchTeamMember, .renameVM, .renameVMGroup, .renameVMNetworkAdapter, .renameVMResourcePool, .renameVMSnapshot,
        .renameVMSwitch, .repairVM, .resetVMResourceMetering, .resizeVHD, .restartVM, .restoreVMSnapshot, .resumeVM, .saveVM,
        .sendVMConsole, .setVHD, .setVM, .setVMBios, .setVMComPort, .setVMDvdDrive, .setVMFirmware, .setVMFloppyDiskDrive,
        .setVMHardDiskDrive, .setVMHost, .setVMKeyValuePair, .setVMMemory, .setVMNetworkAdapter,
        .setVMNetworkAdapterIPConfiguration, .setVMNetworkAdapterIsolation, .setVMNetworkAdapterRoutingDomainMapping,
        .setVMNetworkAdapterTeamMapping, .setVMNetworkAdapterVlan, .setVMProcessor, .setVMResourcePool, .setVMStorageSettings,
        .setVMSwitch, .setVMSwitchExtensionPortFeature, .setVMSwitchExtensionSwitchFeature, .setVMSwitchTeam, .startVM,
        .startVMTrace, .stopVM, .stopVMTrace, .suspendVM, .testFaultContainment, .testVHD, .testVMNetworkAdapter, .updateVMVersion, .waitVM,
    ]
}
