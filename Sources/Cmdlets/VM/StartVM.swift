extension Cmdlet {
    /// `Start-VM`.
    static let startVM = Cmdlet(
        "Start", "VM", aliases: ["savm"], synopsis: "Starts virtual machines; a saved one goes on where it was, a paused one too.",
        sets: ParameterSet.verbSets, parameters: Parameter.verbTargets, output: "VirtualMachine",
        examples: [
            Example("Start-VM web01", "Starts web01 and returns when the guest runs."),
            Example("Get-VM | Where-Object State -eq Off | Start-VM", "Starts all that are off."),
        ],
        shouldProcess: true,
        body: .perTarget(parameters: ["Name", "VM"]) { invocation, target in
            let machine = try target.virtualMachine()
            let state = try machine.status().state
            if state == .paused {
                try machine.resume()
            } else if !invocation.isAlready("Running", target, is: state.rawValue) {
                try machine.start()
            }
            try invocation.passthru(target)
        })
}
