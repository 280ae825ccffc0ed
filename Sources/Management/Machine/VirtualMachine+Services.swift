import WorkerProtocol

extension VirtualMachine {
    /// The VM's worker and what else serves it in processes of its own; nil: it does not run.
    package func serviceProcesses() throws -> (worker: Int32, others: [ServiceInformation])? {
        try askIfRunning(StatusRequest()).map { ($0.processId, $0.services ?? []) }
    }

    /// Processes that do this VM's work, but switches.
    public func trustedProcesses() throws -> [(isWorker: Bool, id: Int32)] {
        guard let (worker, others) = try serviceProcesses() else { return [] }
        return [(true, worker)] + others.compactMap { service in service.processId.map { (false, $0) } }
    }
}
