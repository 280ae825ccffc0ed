extension Catalogue {
    /// The cmdlets the house brings, by name.
    public static let builtIn: [Cmdlet] = [
        .addContent, .connectVMConsole, .convertToCsv, .convertToJson, .forEachObject, .formatList, .formatTable, .getAlias, .getCommand,
        .getContent, .getDate, .getHelp, .getMember, .getPartition, .getRandom, .getVirtualProcessor, .getVM, .getVMComPort, .getVMEvent,
        .getVMFirmware, .getVMHost, .getVMMemory, .getVMProcessor, .groupObject, .joinPath, .measureCommand, .measureObject, .newGuid,
        .newVM, .outFile, .outNull, .outString, .receiveVMConsole, .removeVM, .removeVMSavedState, .renameVM, .restartVM, .resumeVM,
        .saveVM, .selectObject, .sendVMConsole, .setContent, .setVM, .setVMFirmware, .setVMMemory, .setVMProcessor, .sortObject,
        .splitPath, .startSleep, .startVM, .stopVM, .suspendVM, .teeObject, .testPath, .waitVM, .whereObject, .writeError, .writeHost,
        .writeOutput, .writeVerbose, .writeWarning,
    ]
}
