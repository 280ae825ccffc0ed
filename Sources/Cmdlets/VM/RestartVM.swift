extension Cmdlet {
    private static let noWait = Parameter.Effect.refused(
        "waiting needs the heartbeat service, which is not there yet; use Wait-VM -For Console")

    /// `Restart-VM`.
    static let restartVM = Cmdlet(
        "Restart", "VM", synopsis: "Resets virtual machines, as by their reset switch.",
        sets: [
            .init("Name", isDefault: true, shape: .passthru(["Name", "VM"])), .init("NameWait", shape: .passthru(["Name", "VM"])),
            .init("VMObject", shape: .passthru(["Name", "VM"])), .init("VMObjectWait", shape: .passthru(["Name", "VM"])),
        ],
        parameters: [.vmName(sets: ["Name", "NameWait"]), .vm(sets: ["VMObject", "VMObjectWait"])]
            + Parameter.remote(sets: ["Name", "NameWait"]) + [
                .asJob, .passthru, .force(),
                Parameter(
                    "Wait", .switched, "Waits for the guest.", sets: ["NameWait", "VMObjectWait"], mandatory: true, effect: noWait),
                Parameter(
                    "For", .enumeration("WaitVMTypes", ["Heartbeat", "IPAddress"]), "What to wait for.",
                    sets: ["NameWait", "VMObjectWait"],
                    effect: noWait),
                Parameter("Delay", .integer(1...65535), "Seconds between two looks.", sets: ["NameWait", "VMObjectWait"], effect: noWait),
                Parameter(
                    "Timeout", .integer(-1...2_147_483_647), "Seconds to wait.", aliases: ["TimeoutSec"],
                    sets: ["NameWait", "VMObjectWait"],
                    effect: noWait),
            ],
        output: "VirtualMachine",
        examples: [Example("Restart-VM web01 -Force", "Resets web01 without asking.")],
        shouldProcess: true, confirms: .always("will be reset; what the guest had not written is lost."),
        body: .perTarget(parameters: ["Name", "VM"]) { invocation, target in
            try target.virtualMachine().reset()
            try invocation.passthru(target)
        })
}
