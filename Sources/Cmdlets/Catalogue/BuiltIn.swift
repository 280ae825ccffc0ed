extension Catalogue {
    /// The cmdlets the house brings.
    public static let builtIn: [Cmdlet] = machineCmdlets + shellCmdlets

    /// Cmdlets for machines and what belongs to them, by name.
    public static let machineCmdlets: [Cmdlet] = [
        .addNetNatStaticMapping, .addVMDvdDrive, .addVMHardDiskDrive, .addVMNetworkAdapter, .addVMNetworkAdapterAcl,
        .addVMScsiController, .checkpointVM, .compareVM, .connectVMConsole, .connectVMNetworkAdapter, .convertVHD, .copyVMFile,
        .disableVMIntegrationService, .disconnectVMNetworkAdapter, .enableVMIntegrationService, .exportVM, .exportVMSnapshot,
        .getNetNatStaticMapping, .getPartition, .getVHD, .getVirtualProcessor, .getVM, .getVMComPort, .getVMDvdDrive, .getVMEvent,
        .getVMFile, .getVMFirmware, .getVMHardDiskDrive, .getVMHost, .getVMIntegrationService, .getVMKeyValuePair, .getVMMemory,
        .getVMNetworkAdapter, .getVMNetworkAdapterAcl, .getVMNetworkAdapterVlan, .getVMProcessor, .getVMScsiController,
        .getVMSnapshot, .getVMSwitch, .importVM, .mergeVHD, .newVHD, .newVM, .newVMSwitch, .optimizeVHD, .receiveVMConsole,
        .removeNetNatStaticMapping, .removeVM, .removeVMDvdDrive, .removeVMHardDiskDrive, .removeVMKeyValuePair,
        .removeVMNetworkAdapter, .removeVMNetworkAdapterAcl, .removeVMSavedState, .removeVMScsiController, .removeVMSnapshot,
        .removeVMSwitch, .renameVM, .renameVMNetworkAdapter, .renameVMSnapshot, .renameVMSwitch, .resizeVHD, .restartVM,
        .restoreVMSnapshot, .resumeVM, .saveVM, .sendVMConsole, .setVHD, .setVM, .setVMDvdDrive, .setVMFirmware,
        .setVMHardDiskDrive, .setVMHost, .setVMKeyValuePair, .setVMMemory, .setVMNetworkAdapter,
        .setVMNetworkAdapterIPConfiguration, .setVMNetworkAdapterVlan, .setVMProcessor, .setVMSwitch, .startVM, .stopVM, .suspendVM,
        .testVHD, .updateVMVersion, .waitVM,
    ]
}
