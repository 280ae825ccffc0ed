extension Cmdlet {
    /// `Debug-VM`.
    static let debugVM = Cmdlet(
        "Debug", "VM", synopsis: "Interrupts the guests of virtual machines for their debuggers.",
        details:
            "A guest's kernel that is not prepared for it may crash, which is often what is wanted: it writes a dump. Linux does so with kernel.unknown_nmi_panic=1.",
        sets: ParameterSet.verbSets,
        parameters: Parameter.verbTargets + [
            Parameter(
                "InjectNonMaskableInterrupt", .switched, "Raises a non-maskable interrupt at the first virtual processor.",
                mandatory: true), .force(),
        ],
        output: "VirtualMachine",
        examples: [Example("Debug-VM web01 -InjectNonMaskableInterrupt -Force", "Wakes the kernel of web01, whatever it does.")],
        shouldProcess: true, confirms: .always("will get a non-maskable interrupt, which may crash its guest."),
        body: .perTarget(parameters: ["Name", "VM"]) { invocation, target in
            if invocation.isOn("InjectNonMaskableInterrupt") { try target.virtualMachine().injectNonMaskableInterrupt() }
            try invocation.passthru(target)
        })
}
