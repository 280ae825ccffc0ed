extension Catalogue {
    /// The cmdlets the house brings, by name.
    public static let builtIn: [Cmdlet] = [
        .addContent, .addNetNatStaticMapping, .connectVMConsole, .convertVHD, .convertToCsv, .convertToJson, .forEachObject, .formatList,
        .formatTable,
        .getAlias, .getCommand, .getContent, .getDate, .getHelp, .getMember, .getNetNatStaticMapping, .getPartition, .getRandom,
        .getVHD, .getVirtualProcessor, .getVM, .getVMComPort, .getVMEvent, .getVMFirmware, .getVMHost, .getVMMemory, .getVMProcessor,
        .getVMSwitch,
        .groupObject, .joinPath, .measureCommand, .measureObject, .mergeVHD, .newGuid, .newVHD, .newVM, .newVMSwitch, .optimizeVHD,
        .outFile, .outNull, .outString,
        .receiveVMConsole, .removeNetNatStaticMapping, .removeVM, .removeVMSavedState, .removeVMSwitch, .renameVM, .renameVMSwitch,
        .resizeVHD, .restartVM, .resumeVM, .saveVM, .selectObject, .sendVMConsole, .setContent, .setVHD, .setVM, .setVMFirmware,
        .setVMMemory, .setVMProcessor,
        .setVMSwitch, .sortObject, .splitPath, .startSleep, .startVM, .stopVM, .suspendVM, .teeObject, .testPath, .testVHD, .waitVM,
        .whereObject,
        .writeError, .writeHost, .writeOutput, .writeVerbose, .writeWarning,
    ]
}
