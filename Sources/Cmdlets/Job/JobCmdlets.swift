import Basics

extension Parameter {
    /// -Id, -Name, -Job and -State of the cmdlets on jobs.
    fileprivate static func jobs(mandatory: Bool) -> [Parameter] {
        [
            Parameter(
                "Id", .integer(1...Int64(Int32.max)), "Numbers of jobs.", sets: ["Id"], mandatory: true, position: 0,
                pipeline: .byPropertyName, many: true),
            Parameter(
                "Name", .string, "Names of jobs; wildcards are accepted.", sets: ["Name"], mandatory: mandatory, position: 0,
                pipeline: .byPropertyName, many: true, wildcards: true),
            Parameter(
                "Job", .object("Job"), "Jobs.", sets: ["Job"], mandatory: true, position: 0, pipeline: .byValue, many: true),
            Parameter(
                "State", .enumeration("JobState", ["Running", "Completed", "Failed", "Stopped"]), "Jobs in this state.", sets: ["State"],
                mandatory: true),
        ]
    }
}

extension Cmdlet {
    private static let one: Shape = .oneIfSingle(["Id", "Name", "Job"])
    private static func sets(_ shape: Shape) -> [ParameterSet] {
        [
            .init("Name", isDefault: true, shape: shape), .init("Id", shape: shape), .init("Job", shape: shape),
            .init("State", shape: shape),
        ]
    }

    /// The jobs that the arguments name; what is not there is reported.
    private static func chosen(_ invocation: any Invocation) throws -> [Job] {
        let all = invocation.context.jobs.all
        func missing(_ what: String, _ near: String = "") -> ErrorRecord {
            ErrorRecord(
                "There is no job \(what).\(near)", "JobNotFound", .objectNotFound, target: what, action: "Get-Job lists the jobs.",
                cmdlet: invocation.cmdlet.name)
        }
        var found: [Job] = []
        for value in invocation.list("Job") ?? [] { if let job = value.objectValue as? Job { found.append(job) } }
        for id in invocation.list("Id") ?? [] {
            let jobs = all.filter { Int64($0.id) == id.integerValue }
            if jobs.isEmpty { try invocation.report(missing(id.text)) }
            found += jobs
        }
        for name in (invocation.list("Name") ?? []).map(\.text) {
            let pattern = WildcardPattern(name)
            let jobs = all.filter { pattern.matches($0.name) }
            if jobs.isEmpty, !WildcardPattern.isPattern(name) {
                try invocation.report(missing("“\(name)”", Spelling.hint(name, among: all.map(\.name))))
            }
            found += jobs
        }
        if let state = invocation.string("State") { found += all.filter { $0.state.rawValue == state } }
        return found
    }

    /// `Start-Job`.
    static let startJob = Cmdlet(
        "Start", "Job", aliases: ["sajb"], synopsis: "Runs a block in the background, in an interpreter of its own.",
        details:
            "The block sees no variables of the script: $using:name copies one, and -ArgumentList gives values for the block's `...`. Objects of cmdlets become handles of the same things. Cmdlets that the script declared are not there. What the block shows and returns is kept for Receive-Job. Jobs that still run when the script ends are stopped, and the script fails with exit code 1, unless Wait-Job was called for them.",
        departures: ["Other outer variables in the block are an error, not an empty value."],
        sets: [.init("Default", shape: .one)],
        parameters: [
            Parameter("ScriptBlock", .block, "What to run.", aliases: ["Command"], mandatory: true, position: 0).runningApart,
            Parameter("Name", .string, "A name for the job; without it Job1, Job2 and so on."),
            Parameter("ArgumentList", .any, "Values for the block's `...`.", aliases: ["Args"], many: true),
            Parameter("InitializationScript", .block, "Runs before the block.").runningApart,
            Parameter("InputObject", .any, "The block's $_.", pipeline: .byValue),
        ],
        output: "Job",
        examples: [
            Example("Start-Job { Start-Sleep 1; Get-VM } | Wait-Job | Receive-Job", "Runs beside the script, then gives what it found."),
            Example(
                "local n = 'web01'; Start-Job { Get-VM $using:n -ErrorAction SilentlyContinue } -Name look | Wait-Job | Out-Null",
                "Takes a value along."),
        ],
        body: .perCall { invocation in
            guard let carrier = invocation.context.carrier else { throw BlockJob.notHere }
            guard let given = invocation.argument("ScriptBlock")?.blockValue else { return }
            let block = try carrier.portable(given, for: "Start-Job")
            let first = try invocation.argument("InitializationScript")?.blockValue.map { try carrier.portable($0, for: "Start-Job") }
            let arguments = try (invocation.list("ArgumentList") ?? []).map { try $0.portable("A value of -ArgumentList") }
            let input = try invocation.argument("InputObject")?.portable("-InputObject") ?? .null
            let job = try invocation.context.jobs.start(
                name: invocation.string("Name"), command: block.sourceText, kind: "BackgroundJob"
            ) { job in
                let runner = try carrier.open(job)
                job.stops { [weak runner] in runner?.stop() }
                if let first { try runner.run(first, input: .null, arguments: []) }
                try runner.run(block, input: input, arguments: arguments)
            }
            try invocation.emit(.object(job))
        })

    /// `Get-Job`.
    static let getJob = Cmdlet(
        "Get", "Job", aliases: ["gjb"], synopsis: "Gets the jobs of this session.", sets: sets(one),
        parameters: Parameter.jobs(mandatory: false), output: "Job",
        examples: [Example("Get-Job -State Running", "Those that still run.")],
        body: .perCall { invocation in
            let isAll = !["Id", "Name", "Job", "State"].contains(where: invocation.isGiven)
            for job in try isAll ? invocation.context.jobs.all : chosen(invocation) { try invocation.emit(.object(job)) }
        })

    /// `Wait-Job`.
    static let waitJob = Cmdlet(
        "Wait", "Job", aliases: ["wjb"], synopsis: "Waits until jobs have ended and gives them.",
        details: "After -Timeout seconds it gives those that have ended by then.", sets: sets(one),
        parameters: Parameter.jobs(mandatory: true) + [
            Parameter("Timeout", .timeSpan, "How long to wait, in seconds; without it until the end.", aliases: ["TimeoutSec"]),
            Parameter("Any", .switched, "Waits for one of them only."),
            Parameter("Force", .switched, "Goes on waiting for a job in any state, which it does anyway."),
        ],
        output: "Job",
        examples: [Example("Start-Job { 1 } | Wait-Job -Timeout 60 | Receive-Job", "Waits for one job.")],
        body: .perCall { invocation in
            let jobs = try chosen(invocation)
            var deadline = UInt64.max
            if case .duration(let span)? = invocation.argument("Timeout") {
                deadline = HostTime.monotonic() &+ UInt64(max(0, span.totalSeconds) * 1e9)
            }
            for job in jobs { job.wasWaitedFor = true }
            var rest = jobs
            while let first = rest.first, HostTime.monotonic() < deadline {
                try invocation.checkCancelled()
                _ = first.wait(milliseconds: 50)
                rest.removeAll { $0.isDone }
                if invocation.isOn("Any"), rest.count < jobs.count { break }
            }
            for job in jobs where job.isDone { try invocation.emit(.object(job)) }
        })

    /// `Receive-Job`.
    static let receiveJob = Cmdlet(
        "Receive", "Job", aliases: ["rcjb"], synopsis: "Gives what jobs have given so far.",
        details: "What is received is taken, unless -Keep is given. Failures of the job are reported, as -ErrorAction says.",
        sets: sets(.many),
        parameters: Parameter.jobs(mandatory: true) + [
            Parameter("Keep", .switched, "Leaves it there for the next time."),
            Parameter("Wait", .switched, "Waits until the jobs have ended."),
            Parameter("AutoRemoveJob", .switched, "With -Wait: removes the jobs afterwards."),
        ],
        output: "Object",
        examples: [Example("Start-Job { Get-VM } | Receive-Job -Wait -AutoRemoveJob", "What the job found.")],
        body: .perCall { invocation in
            for job in try chosen(invocation) {
                if invocation.isOn("Wait") {
                    job.wasWaitedFor = true
                    while !job.wait(milliseconds: 50) { try invocation.checkCancelled() }
                }
                for event in job.receive(keeping: invocation.isOn("Keep")) {
                    switch event {
                    case .value(let value): try invocation.emit(value)
                    case .text(let text): invocation.terminal.write(text)
                    case .diagnostic(let text): invocation.terminal.writeError(text)
                    case .failure(let record): try invocation.report(record)
                    }
                }
                if invocation.isOn("Wait"), invocation.isOn("AutoRemoveJob") { invocation.context.jobs.remove(job) }
            }
        })

    /// `Stop-Job`.
    static let stopJob = Cmdlet(
        "Stop", "Job", aliases: ["spjb"], synopsis: "Stops jobs.",
        details: "A job stops at its next instruction, and its <close> values and finally functions run.",
        sets: sets(.passthru(["Id", "Name", "Job"])),
        parameters: Parameter.jobs(mandatory: true) + [.passthru], output: "Job",
        examples: [Example("Get-Job -State Running | Stop-Job", "Stops them all.")],
        shouldProcess: true,
        body: .perCall { invocation in
            for job in try chosen(invocation) {
                guard try invocation.shouldProcess(job.name, "Stop-Job") else { continue }
                job.requestStop()
                let deadline = HostTime.monotonic() &+ 10_000_000_000
                while !job.wait(milliseconds: 50), HostTime.monotonic() < deadline { try invocation.checkCancelled() }
                if invocation.isOn("Passthru") { try invocation.emit(.object(job)) }
            }
        })

    /// `Remove-Job`.
    static let removeJob = Cmdlet(
        "Remove", "Job", aliases: ["rjb"], synopsis: "Forgets jobs and what they gave.",
        sets: sets(.nothing),
        parameters: Parameter.jobs(mandatory: true) + [Parameter("Force", .switched, "Stops those that still run.")],
        examples: [Example("Get-Job | Remove-Job -Force", "Forgets them all.")],
        shouldProcess: true,
        body: .perCall { invocation in
            for job in try chosen(invocation) {
                guard try invocation.shouldProcess(job.name, "Remove-Job") else { continue }
                if !job.isDone {
                    guard invocation.isOn("Force") else {
                        try invocation.report(
                            ErrorRecord(
                                "The job “\(job.name)” still runs.", "JobRunning", .invalidOperation, target: job.name,
                                action: "Wait-Job waits for it, -Force stops it.", cmdlet: "Remove-Job"))
                        continue
                    }
                    job.requestStop()
                    let deadline = HostTime.monotonic() &+ 10_000_000_000
                    while !job.wait(milliseconds: 50), HostTime.monotonic() < deadline { try invocation.checkCancelled() }
                }
                invocation.context.jobs.remove(job)
            }
        })
}

enum BlockJob {
    static let notHere = ErrorRecord(
        "There is no other interpreter here to run a block in.", "JobsNotHere", .notImplemented,
        action: "A job cannot start jobs of its own.")
}
