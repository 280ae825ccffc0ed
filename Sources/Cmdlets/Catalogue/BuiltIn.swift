extension Catalogue {
    /// The cmdlets the house brings, by name.
    public static let builtIn: [Cmdlet] = [
        .addContent, .addNetNatStaticMapping, .addVMDvdDrive, .addVMHardDiskDrive, .addVMNetworkAdapter, .addVMNetworkAdapterAcl,
        .addVMScsiController, .checkpointVM, .compareVM, .connectVMConsole, .connectVMNetworkAdapter, .convertVHD, .convertToCsv,
        .convertToJson, .copyVMFile, .disableVMIntegrationService, .disconnectVMNetworkAdapter, .enableVMIntegrationService, .exportVM,
        .exportVMSnapshot, .forEachObject, .formatList, .formatTable, .getAlias, .getCommand, .getContent, .getDate, .getHelp, .getMember,
        .getNetNatStaticMapping, .getPartition, .getRandom, .getVHD, .getVirtualProcessor, .getVM, .getVMComPort, .getVMDvdDrive,
        .getVMEvent, .getVMFile, .getVMFirmware, .getVMHardDiskDrive, .getVMHost, .getVMIntegrationService, .getVMKeyValuePair,
        .getVMMemory, .getVMNetworkAdapter, .getVMNetworkAdapterAcl, .getVMNetworkAdapterVlan, .getVMProcessor, .getVMScsiController,
        .getVMSnapshot, .getVMSwitch, .groupObject, .importVM, .joinPath, .measureCommand, .measureObject, .mergeVHD, .moveVMStorage,
        .newGuid, .newVHD, .newVM, .newVMSwitch, .optimizeVHD, .outFile, .outNull, .outString, .receiveVMConsole,
        .removeNetNatStaticMapping, .removeVM, .removeVMDvdDrive, .removeVMHardDiskDrive, .removeVMKeyValuePair, .removeVMNetworkAdapter,
        .removeVMNetworkAdapterAcl, .removeVMSavedState, .removeVMScsiController, .removeVMSnapshot, .removeVMSwitch, .renameVM,
        .renameVMNetworkAdapter, .renameVMSnapshot, .renameVMSwitch, .resizeVHD, .restartVM, .restoreVMSnapshot, .resumeVM, .saveVM,
        .selectObject, .sendVMConsole, .setContent, .setVHD, .setVM, .setVMDvdDrive, .setVMFirmware, .setVMHardDiskDrive, .setVMHost,
        .setVMKeyValuePair, .setVMMemory, .setVMNetworkAdapter, .setVMNetworkAdapterIPConfiguration, .setVMNetworkAdapterVlan,
        .setVMProcessor, .setVMSwitch, .sortObject, .splitPath, .startSleep, .startVM, .stopVM, .suspendVM, .teeObject, .testPath, .testVHD,
        .updateVMVersion, .waitVM, .whereObject, .writeError, .writeHost, .writeOutput, .writeVerbose, .writeWarning,
    ]
}
