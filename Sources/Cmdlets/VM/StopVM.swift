import Basics

extension Cmdlet {
    /// `Stop-VM`.
    static let stopVM = Cmdlet(
        "Stop", "VM", aliases: ["spvm"], synopsis: "Shuts down, turns off or saves virtual machines.",
        departures: [
            "Without -TurnOff or -Save it fails and changes nothing, also with -Force: the service that asks a guest to shut down is not there yet."
        ],
        sets: ParameterSet.verbSets,
        parameters: Parameter.verbTargets + [
            Parameter("TurnOff", .switched, "Turns it off at once, as by its power switch; what the guest had not written is lost."),
            Parameter("Save", .switched, "Saves its state and stops it."),
            .force("Answers questions with yes; with -TurnOff it also ends a worker that does not answer."),
        ],
        output: "VirtualMachine",
        examples: [
            Example("Stop-VM web01 -TurnOff", "Turns web01 off."),
            Example("Get-VM | Stop-VM -Save", "Saves all virtual machines."),
        ],
        shouldProcess: true,
        body: .perTarget(parameters: ["Name", "VM"]) { invocation, target in
            let machine = try target.virtualMachine()
            guard !(invocation.isOn("TurnOff") && invocation.isOn("Save")) else {
                throw ErrorRecord(
                    "Stop-VM: -TurnOff and -Save do not go together.", "AmbiguousParameterSet", .invalidArgument,
                    target: target.displayName,
                    cmdlet: "Stop-VM")
            }
            let state = try machine.status().state
            if invocation.isOn("Save") {
                if !invocation.isAlready("Saved", target, is: state.rawValue) { try machine.save() }
            } else if !invocation.isAlready("Off", target, is: state.rawValue) {
                if invocation.isOn("TurnOff") { try machine.turnOff(force: invocation.isOn("Force")) } else { try machine.shutDown() }
            }
            try invocation.passthru(target)
        })
}
