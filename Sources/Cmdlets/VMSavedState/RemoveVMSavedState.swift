extension Cmdlet {
    /// `Remove-VMSavedState`.
    static let removeVMSavedState = Cmdlet(
        "Remove", "VMSavedState", synopsis: "Removes the saved state of virtual machines; they are off then.",
        sets: [
            .init("VMName", isDefault: true, shape: .nothing), .init("VMObject", shape: .nothing), .init("VMSnapshot", shape: .nothing),
        ],
        parameters: Parameter.partTargets + [.vmSnapshot],
        examples: [Example("Remove-VMSavedState web01", "web01 starts anew at its next start.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM"]) { _, target in try target.virtualMachine().removeSavedState() })
}
