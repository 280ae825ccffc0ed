import CHost
import Glibc
import Persistence
import WorkerProtocol

extension VirtualMachine {
    /// Ends a worker that does not answer. The process descriptor is opened first and the process's start compared with the run record
    /// afterwards, so that a process id that was given to another program meanwhile is never hit.
    func endSilentWorker() throws {
        let folder = try files().folder
        guard try folder.hasWorker() else { return try settleIfDead() }
        guard let record = folder.readRunRecord() else { throw ManagementError.silent(name, process: nil) }
        guard !record.isHosted else {
            throw ManagementError(
                "WorkerNotResponding", .invalidOperation,
                "The worker of “\(name)” lives inside process \(record.processId), which serves others as well; it is not ended.",
                target: name)
        }
        let opened = lv_process_descriptor(record.processId)
        if opened >= 0 {
            let process = OpenFile(descriptor: opened, path: "process \(record.processId)")
            guard record.namesLivingProcess else { throw ManagementError.silent(name, process: record.processId) }
            let failure = lv_process_signal(process.descriptor, SIGKILL)
            guard failure == 0 || failure == -ESRCH else {
                throw ManagementError(
                    "AccessDenied", .permissionDenied,
                    "Process \(record.processId), the worker of “\(name)”, cannot be ended: \(SystemMessage.text(-failure)).", target: name)
            }
            var polled = pollfd(fd: process.descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&polled, 1, 10_000) > 0 else { throw ManagementError.silent(name, process: record.processId) }
        }
        let lock = try folder.lockFolder()
        defer { withExtendedLifetime(lock) {} }
        let initiator = CurrentUser.initiator
        try folder.settleDeadWorker(
            cause: VirtualMachineEvent(
                .workerKilled, level: .critical,
                message: "Turned off by force by \(initiator.user): the worker (process \(record.processId)) did not answer and was ended.",
                initiator: initiator))
    }
}
