import Cmdlets
import Glibc
import Management

/// `lunavisor host start|stop`: one line per VM and mounted disk that something was done with.
enum HostActions {
    static func run(_ word: String, on host: VirtualMachineHost) throws -> Int32 {
        let outcomes = word == "start" ? try host.startAutomatically() : try host.stopAutomatically()
        var failed: Int32 = 0
        for outcome in outcomes {
            if let error = outcome.error {
                failed = 1
                say("lunavisor: \(outcome.machine.name): not \(outcome.action.rawValue): \(ErrorRecord(error).message)", to: 2)
            } else {
                say("\(outcome.machine.name): \(outcome.action.rawValue)\(outcome.remark.map { " (\($0))" } ?? "")", to: 1)
            }
        }
        guard word == "stop" else { return failed }
        for (disk, error) in try host.dismountAll() {
            if let error {
                failed = 1
                say("lunavisor: \(disk.path): not dismounted: \(ErrorRecord(error).message)", to: 2)
            } else {
                say("\(disk.path): dismounted", to: 1)
            }
        }
        return failed
    }

    private static func say(_ line: String, to descriptor: Int32) {
        _ = Array((line + "\n").utf8).withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    }
}
