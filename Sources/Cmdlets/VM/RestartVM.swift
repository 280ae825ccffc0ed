import Basics
import Management

extension Cmdlet {
    private static let waitSets = ["NameWait", "VMObjectWait"]

    /// `Restart-VM`.
    static let restartVM = Cmdlet(
        "Restart", "VM", synopsis: "Resets virtual machines, as by their reset switch, or has their guests restart.",
        details:
            "-Type Reboot asks the guest to restart; without it the guest is not asked and loses what it had not written. With -Wait it returns when the restarted guest has a heartbeat, or an address.",
        sets: [
            .init("Name", isDefault: true, shape: .passthru(["Name", "VM"])), .init("NameWait", shape: .passthru(["Name", "VM"])),
            .init("VMObject", shape: .passthru(["Name", "VM"])), .init("VMObjectWait", shape: .passthru(["Name", "VM"])),
        ],
        parameters: [.vmName(sets: ["Name", "NameWait"]), .vm(sets: ["VMObject", "VMObjectWait"])]
            + Parameter.remote(sets: ["Name", "NameWait"]) + [
                .asJob, .passthru, .force(),
                Parameter("Wait", .switched, "Waits for the guest.", sets: waitSets, mandatory: true),
                Parameter(
                    "For", .enumeration("WaitVMTypes", ["Heartbeat", "IPAddress"]), "What to wait for; Heartbeat unless given.",
                    sets: waitSets),
                Parameter("Delay", .integer(1...65535), "Seconds between two looks.", sets: waitSets),
                Parameter(
                    "Timeout", .integer(-1...2_147_483_647), "Seconds to wait; -1, the default, is without end.", aliases: ["TimeoutSec"],
                    sets: waitSets),
                Parameter(
                    "Type", .enumeration("RestartType", ["Reset", "Reboot"]), "Reset, the default, or Reboot through the guest."),
            ],
        output: "VirtualMachine",
        examples: [
            Example("Restart-VM web01 -Force", "Resets web01 without asking."),
            Example("Restart-VM web01 -Type Reboot -Force -Wait -For IPAddress", "Has the guest restart and waits for its address."),
        ],
        shouldProcess: true, confirms: .always("will be restarted; with a reset, what the guest had not written is lost."),
        body: .perTarget(parameters: ["Name", "VM"]) { invocation, target in
            let machine = try target.virtualMachine()
            let activity = "Waiting for \(machine.name)"
            let isWaiting = invocation.isOn("Wait")
            defer { if isWaiting { invocation.terminal.endProgress(activity) } }
            let isCancelled = {
                if isWaiting { invocation.terminal.show(Progress(activity, fraction: nil)) }
                return (try? invocation.checkCancelled()) == nil
            }
            let end = invocation.waitEnd
            if invocation.string("Type") == "Reboot" {
                let before = try machine.resetCount()
                try machine.restartGuest(isCancelled: isCancelled)
                if invocation.isOn("Wait") {
                    try machine.wait(
                        forGuest: .reboot(since: before), timeout: invocation.secondsLeft(until: end), interval: invocation.interval,
                        isCancelled: isCancelled)
                }
            } else {
                try machine.reset()
            }
            if invocation.isOn("Wait") {
                try machine.wait(
                    forGuest: invocation.string("For") == "IPAddress" ? .ipAddress : .heartbeat,
                    timeout: invocation.secondsLeft(until: end), interval: invocation.interval, isCancelled: isCancelled)
            }
            try invocation.passthru(target)
        })
}

extension Invocation {
    /// Seconds of -Timeout from now on, as a moment of the monotonic clock; nil: without end.
    var waitEnd: ContinuousClock.Instant? {
        let seconds = integer("Timeout") ?? -1
        return seconds < 0 ? nil : ContinuousClock.now + .seconds(seconds)
    }

    func secondsLeft(until end: ContinuousClock.Instant?) -> Double? {
        guard let end else { return nil }
        let left = (end - ContinuousClock.now).components
        return max(0, Double(left.seconds) + Double(left.attoseconds) / 1e18)
    }

    /// Seconds between two looks: -Delay, else a quarter.
    var interval: Double { integer("Delay").map(Double.init) ?? 0.25 }
}
