extension Cmdlet {
    /// `Remove-VMSavedState`.
    static let removeVMSavedState = Cmdlet(
        "Remove", "VMSavedState", synopsis: "Removes the saved state of virtual machines; they are off then.",
        sets: [
            .init("VMName", isDefault: true, shape: .nothing), .init("VMObject", shape: .nothing), .init("VMSnapshot", shape: .nothing),
        ],
        parameters: Parameter.partTargets + [
            Parameter(
                "VMSnapshot", .any, "A checkpoint.", aliases: ["VMCheckpoint"], sets: ["VMSnapshot"], mandatory: true, position: 0,
                effect: .refused("a checkpoint without its memory is not the same; remove it as a whole (Remove-VMSnapshot)"))
        ],
        examples: [Example("Remove-VMSavedState web01", "web01 starts anew at its next start.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM"]) { _, target in try target.virtualMachine().removeSavedState() })
}
