import Cmdlets

extension Session {
    /// At the end of a script or of the conversation: stops jobs that still run and names those for which nobody waited; true when there
    /// were such jobs.
    @discardableResult
    func endJobs() -> Bool {
        let forgotten = jobs.endAll()
        guard !forgotten.isEmpty else { return false }
        let names = forgotten.map { "“\($0.name)”" }.joined(separator: ", ")
        terminal.writeError(
            "lunavisor: \(forgotten.count == 1 ? "The job" : "The jobs") \(names) still ran at the end and \(forgotten.count == 1 ? "was" : "were") stopped. Wait-Job waits for jobs.\n"
        )
        return true
    }
}
