import Basics
import Management

extension Cmdlet {
    /// `Stop-VM`.
    static let stopVM = Cmdlet(
        "Stop", "VM", aliases: ["spvm"], synopsis: "Shuts down, turns off or saves virtual machines.",
        details:
            "Without -TurnOff or -Save the guest is asked to shut down, and the machine is waited for, up to five minutes. When the guest cannot be asked or does not stop, you are asked whether to turn it off; -Force answers yes, and where nobody can be asked it is an error and the machine runs on.",
        departures: ["Where nobody can be asked, a guest that cannot be shut down is an error without -Force, and nothing is changed."],
        sets: ParameterSet.verbSets,
        parameters: Parameter.verbTargets + [
            Parameter("TurnOff", .switched, "Turns it off at once, as by its power switch; what the guest had not written is lost."),
            Parameter("Save", .switched, "Saves its state and stops it."),
            .force(
                "The guest does not wait for its programs, and a guest that cannot be shut down is turned off; with -TurnOff it also ends a worker that does not answer."
            ),
        ],
        output: "VirtualMachine",
        examples: [
            Example("Stop-VM web01", "Shuts web01 down through its guest."),
            Example("Stop-VM web01 -TurnOff", "Turns web01 off."),
            Example("Get-VM | Stop-VM -Save", "Saves all virtual machines."),
        ],
        shouldProcess: true, confirms: .byBody,
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
                if invocation.isOn("TurnOff") {
                    try machine.turnOff(force: invocation.isOn("Force"))
                } else {
                    try invocation.shutDown(machine)
                }
            }
            try invocation.passthru(target)
        })
}

/// Identifiers of errors that say that a guest cannot be shut down, so that turning it off is what is left.
private let unableToShutDown: Set<String> = [
    "IntegrationServiceDisabled", "IntegrationServiceMissing", "GuestNotResponding", "GuestRefused",
]

extension Invocation {
    /// Shuts the machine down through its guest, or turns it off when that cannot be and the user agrees.
    fileprivate func shutDown(_ machine: VirtualMachine) throws {
        do {
            try machine.shutDown(force: isOn("Force"), isCancelled: { (try? checkCancelled()) == nil })
        } catch let error as any DescribedError where unableToShutDown.contains(error.identifier) {
            let mayTurnOff: Bool
            do {
                mayTurnOff = try confirm("\(error.message) Turn “\(machine.name)” off? What its guest has not written will be lost.")
            } catch let required as ErrorRecord where required.identifier == "ConfirmationRequired" {
                throw error
            }
            guard mayTurnOff else { throw error }
            if try machine.status().state.hasWorker { try machine.turnOff() }
        }
    }
}
