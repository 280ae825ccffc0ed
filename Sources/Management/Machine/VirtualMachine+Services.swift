import WorkerProtocol

extension VirtualMachine {
    /// The VM's worker and what else serves it in processes of its own; nil: it does not run.
    package func serviceProcesses() throws -> (worker: Int32, others: [ServiceInformation])? {
        try askIfRunning(StatusRequest()).map { ($0.processId, $0.services ?? []) }
    }
}
