import Basics
import Persistence
import WorkerProtocol

extension VirtualMachine {
    /// Makes the checkpoint that a start makes of itself, in place of the one before. Call while the VM is off. What stands in the way of it
    /// is no reason not to start: it is said in the VM's events.
    func renewAutomaticCheckpoint() {
        do {
            let former = try checkpoints().filter { $0.isAutomatic == true }
            // Its disks are merged by the worker, while the guest runs.
            if !former.isEmpty { try forgetCheckpoints(Set(former.map(\.id))) }
            _ = try makeCheckpoint(isAutomatic: true)
        } catch {
            let reason = TransportedError(error).message
            _ = try? writing("started") { folder in
                try EventLog(folder: folder.folder).append(
                    VirtualMachineEvent(.notice, level: .warning, message: "There is no automatic checkpoint of this start: \(reason)"))
            }
        }
    }
}
