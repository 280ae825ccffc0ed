extension Catalogue {
    /// Cmdlets that have nothing to do with machines: objects, text, files, jobs, help; by name.
    public static let shellCmdlets: [Cmdlet] = [
        .addContent, .compareObject, .convertFromCsv, .convertFromJson, .convertToCsv, .convertToJson, .copyItem, .exportCsv,
        .forEachObject, .formatList, .formatTable, .formatWide, .getAlias, .getChildItem, .getCommand, .getContent, .getDate, .getHelp,
        .getHistory, .getItem, .getJob, .getMember, .getRandom, .groupObject, .importCsv, .joinPath, .measureCommand, .measureObject,
        .moveItem, .newGuid, .newItem, .outFile, .outNull, .outString, .readHost, .receiveJob, .removeItem, .removeJob, .resolvePath,
        .selectObject, .selectString, .setContent, .sortObject, .splitPath, .startJob, .startSleep, .startTranscript, .stopJob,
        .stopTranscript, .teeObject, .testPath, .waitJob, .whereObject, .writeError, .writeHost, .writeOutput, .writeProgress,
        .writeVerbose, .writeWarning,
    ]
}
