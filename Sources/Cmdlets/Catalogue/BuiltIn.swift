extension Catalogue {
    /// The cmdlets the house brings, by name.
    public static let builtIn: [Cmdlet] = [
        .connectVMConsole, .convertToCsv, .convertToJson, .forEachObject, .formatList, .formatTable, .getAlias, .getCommand, .getDate,
        .getHelp, .getMember, .getPartition, .getRandom, .getVirtualProcessor, .getVM, .getVMComPort, .getVMEvent, .getVMFirmware,
        .getVMHost, .getVMMemory, .getVMProcessor, .groupObject, .measureCommand, .measureObject, .newGuid, .newVM, .outNull, .outString,
        .receiveVMConsole, .removeVM, .removeVMSavedState, .renameVM, .restartVM, .resumeVM, .saveVM, .selectObject, .sendVMConsole,
        .setVM, .setVMFirmware, .setVMMemory, .setVMProcessor, .sortObject, .startSleep, .startVM, .stopVM, .suspendVM, .teeObject,
        .waitVM, .whereObject, .writeError, .writeHost, .writeOutput, .writeVerbose, .writeWarning,
    ]
}
