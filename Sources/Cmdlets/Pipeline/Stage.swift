import Basics

/// One cmdlet of a running pipeline: takes objects, calls the body, passes results on, keeps failures. Calling thread only.
final class Stage {
    let index: Int
    let cmdlet: Cmdlet
    let inputIsOne: Bool
    unowned let run: PipelineRun
    let common: CommonArguments
    let preferences: Preferences
    private let binder: Binder
    private let prepared: Binder.Prepared
    private let hasInput: Bool
    private var processor: (any StreamProcessor)?
    private var targets: TargetQueue?
    private var gathered: [BoundArguments] = []
    /// A streaming stage wants no more; the stages before it may stop.
    private(set) var hasEnough = false
    private(set) var failures: [ErrorRecord] = []
    private var recorded: [ErrorRecord] = []
    private var warnings: [Value] = []
    private var messages: [Value] = []
    private var results: [Value] = []
    let confirmation: ConfirmationDialogue

    init(index: Int, binder: Binder, prepared: Binder.Prepared, hasInput: Bool, inputIsOne: Bool, run: PipelineRun) {
        (self.index, self.binder, self.prepared, self.hasInput) = (index, binder, prepared, hasInput)
        (cmdlet, common, preferences) = (binder.cmdlet, prepared.common, run.context.preferences)
        (self.inputIsOne, self.run) = (inputIsOne, run)
        let isForced = prepared.given.contains { $0.parameter.name == "Force" && $0.value.booleanValue == true }
        confirmation = ConfirmationDialogue(
            cmdlet: binder.cmdlet, common: prepared.common, preferences: run.context.preferences, isForced: isForced,
            terminal: run.context.terminal)
    }

    var context: any ExecutionContext { run.context }
    var isFollowed: Bool { index + 1 < run.stages.count }
    private var action: ErrorAction { common.errorAction ?? preferences.errorAction }

    /// Fails before anything is touched when the call would ask and nobody can be asked.
    func checkConfirmation() throws { try confirmation.checkPossible() }

    func begin() throws {
        switch cmdlet.body {
        case .streaming(let make):
            let arguments = binder.finish(prepared, hasInput: hasInput)
            try checkPaths(arguments)
            processor = try make(StageInvocation(self, arguments, task: nil))
        case .perTarget(_, let body): targets = TargetQueue(stage: self, limit: common.throttleLimit, body: body)
        case .perCall, .gathered: break
        }
    }

    /// The head of a pipeline, without input: acts on what the arguments say.
    func runHead() throws {
        let arguments = binder.finish(prepared, hasInput: false)
        try checkPaths(arguments)
        switch cmdlet.body {
        case .streaming:
            // -InputObject by name is the input.
            for value in arguments["InputObject"]?.elements ?? [] where !hasEnough { try push(value) }
        case .perCall(let body), .gathered(let body): try guarded(target: nil) { try body(StageInvocation(self, arguments, task: nil)) }
        case .perTarget(let parameters, _): try addTargets(parameters, arguments, mayRunHere: true)
        }
    }

    func push(_ value: Value) throws {
        guard !hasEnough else { return }
        switch cmdlet.body {
        case .streaming:
            guard let processor else { return }
            try context.checkCancelled()
            do {
                if try !processor.process(value) { hasEnough = true }
            } catch let error where isPassing(error) {
                throw error
            } catch {
                try fail(ErrorRecord(error, cmdlet: cmdlet.name), isStreaming: true)
            }
        case .perCall(let body):
            guard !isLeftAlone(value) else { return }
            let arguments = try binder.bind(input: value, prepared)
            try checkPaths(arguments)
            try guarded(target: value) { try body(StageInvocation(self, arguments, task: nil)) }
        case .gathered:
            guard !isLeftAlone(value) else { return }
            let arguments = try binder.bind(input: value, prepared)
            try checkPaths(arguments)
            if gathered.isEmpty || !gathered[gathered.count - 1].gather(arguments) { gathered.append(arguments) }
        case .perTarget(let parameters, _):
            guard !isLeftAlone(value) else { return }
            let arguments = try binder.bind(input: value, prepared)
            try checkPaths(arguments)
            try addTargets(parameters, arguments, mayRunHere: false)
        }
    }

    private func checkPaths(_ arguments: BoundArguments) throws {
        if let folders = context.writableFolders { try PathRestriction(folders: folders).check(cmdlet, arguments) }
    }

    func end() throws {
        try targets?.drain()
        if case .gathered(let body) = cmdlet.body {
            for arguments in gathered { try guarded(target: nil) { try body(StageInvocation(self, arguments, task: nil)) } }
        }
        guard let processor else { return }
        do {
            try processor.finish()
        } catch let error where isPassing(error) {
            throw error
        } catch {
            try fail(ErrorRecord(error, cmdlet: cmdlet.name), isStreaming: true)
        }
    }

    /// Waits for threads that still run after a failure or Ctrl-C; their results are dropped. A processor holds its invocation, and
    /// that this stage: both are let go.
    func abandon() {
        targets?.abandon()
        processor?.abandon()
        (targets, processor) = (nil, nil)
    }

    /// Under Stop, once anything failed in a pipeline, what was not begun is left alone and named.
    private func isLeftAlone(_ value: Value) -> Bool {
        guard run.hasFailed else { return false }
        if run.notStarted.count < 1000 { run.notStarted.append(value.text) }
        return true
    }

    private func addTargets(_ parameters: [String], _ arguments: BoundArguments, mayRunHere: Bool) throws {
        var found: [any LiveObject] = []
        var isListed = false
        for name in parameters where arguments.isGiven(name) {
            isListed = true
            for value in arguments[name]?.elements ?? [] {
                do {
                    let resolved = try ObjectResolver.resolve(value, of: cmdlet.parameter(name)?.type ?? .any, cmdlet, context) { warn($0) }
                    // -VMSnapshot of a cmdlet on parts: the machine as it was then.
                    let isPast = cmdlet.parameter(name)?.sets == ["VMSnapshot"]
                    found += isPast ? try resolved.map { try ($0 as? CheckpointObject)?.past() ?? $0 } : resolved
                } catch let error where isPassing(error) {
                    throw error
                } catch {
                    try fail(ErrorRecord(error, cmdlet: cmdlet.name))
                }
            }
        }
        if !isListed, arguments.isOn("ManagementOS") {
            found = try HostAdapterObject.chosen(arguments, cmdlet, context.host)
        } else if !isListed, parameters.contains(where: { !(cmdlet.parameter($0)?.isMandatory ?? true) }) {
            found = try ObjectResolver.all(context)
        }
        var seen: Set<String> = []
        found = found.filter { seen.insert($0.type.name + "\n" + $0.identity).inserted }
        for target in found {
            if !run.isSingleCall, isLeftAlone(.object(target)) { continue }
            try context.checkCancelled()
            guard try mayActOn(target, arguments) else { continue }
            if mayRunHere, found.count == 1 {
                try actHere(on: target, arguments)
            } else {
                try targets?.add(target, arguments)
            }
        }
    }

    private func mayActOn(_ target: any LiveObject, _ arguments: BoundArguments) throws -> Bool {
        guard cmdlet.supportsShouldProcess else { return true }
        guard isWhatIf, let plan = cmdlet.plan else { return try shouldProcess(target.displayName, cmdlet.name) }
        // What stands in the way of it is told as if it was tried.
        try guarded(target: .object(target)) {
            _ = try shouldProcess(try plan(StageInvocation(self, arguments, task: nil), target), cmdlet.name)
        }
        return false
    }

    private var isWhatIf: Bool { common.whatIf ?? preferences.whatIf }

    /// Somebody reads what is to be worked on: under -WhatIf, or who is asked about it.
    var saysTarget: Bool { isWhatIf || confirmation.asks }

    func shouldProcess(_ target: String, _ action: String) throws -> Bool {
        if isWhatIf {
            context.terminal.write("What if: Performing the operation \"\(action)\" on target \"\(target)\".\n")
            return false
        }
        return try confirmation.mayActOn(target)
    }

    /// Errors that are not the body's own and go through every handler.
    func isPassing(_ error: any Error) -> Bool { error is Pipeline.Stop || error is Cancellation }

    private func guarded(target: Value?, _ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error where isPassing(error) {
            throw error
        } catch {
            // A wait that was cut short by Ctrl-C is no failure.
            try context.checkCancelled()
            var record = ErrorRecord(error, cmdlet: cmdlet.name)
            if record.target == nil { record.target = target?.text }
            try fail(record)
        }
    }

    /// Works on one target on the calling thread.
    func actHere(on target: any LiveObject, _ arguments: BoundArguments) throws {
        guard case .perTarget(_, let body) = cmdlet.body else { return }
        try guarded(target: .object(target)) { try body(StageInvocation(self, arguments, task: nil), target) }
    }

    /// What a failure does, as -ErrorAction says.
    func fail(_ record: ErrorRecord, isStreaming: Bool = false) throws {
        var action = action
        run.trace?.write(.error, "\(cmdlet.name): \(record.identifier): \(record.message)")
        if action != .ignore {
            context.record(record)
            recorded.append(record)
        }
        if action == .inquire {
            let answer =
                context.terminal.isInteractive
                ? context.terminal.ask(record.message, choices: [("Y", "Go on"), ("S", "Go on silently"), ("H", "Halt the call")]) : nil
            action = answer == "Y" ? .continue : answer == "S" ? .silentlyContinue : .stop
        }
        switch action {
        case .stop, .inquire:
            if isStreaming { throw Pipeline.Stop(reason: .failure(record)) }
            failures.append(record)
            if !run.isSingleCall || hasInput { run.hasFailed = true }
        case .continue: context.show(record)
        case .silentlyContinue, .ignore: break
        }
    }

    func deliver(_ value: Value) throws {
        if common.outVariable != nil { results.append(value) }
        if let variable = common.pipelineVariable { context.assign(variable: variable.name, value: value, appending: false) }
        try run.deliver(value, from: index)
    }

    func warn(_ text: String) {
        run.trace?.write(.warning, "\(cmdlet.name): \(text)")
        warnings.append(.string(text))
        switch common.warningAction ?? preferences.warningAction {
        case .silentlyContinue, .ignore: break
        case .stop:
            if failures.isEmpty { failures.append(ErrorRecord(text, "WarningStopped", .operationStopped, cmdlet: cmdlet.name)) }
        case .continue: context.terminal.writeError("WARNING: \(text)\n")
        case .inquire:
            context.terminal.writeError("WARNING: \(text)\n")
            let choices: [(key: Character, meaning: String)] = [("Y", "Go on"), ("H", "Halt the call")]
            if context.terminal.isInteractive, context.terminal.ask("Go on?", choices: choices) == "Y" { break }
            if failures.isEmpty { failures.append(ErrorRecord(text, "WarningStopped", .operationStopped, cmdlet: cmdlet.name)) }
        }
    }

    /// Text of Write-Host; false: it is not to be shown.
    func inform(_ text: String) -> Bool {
        if common.informationAction != .ignore { messages.append(.string(text)) }
        return ![.silentlyContinue, .ignore].contains(common.informationAction ?? .continue)
    }

    func verbose(_ text: String) {
        let isOn = common.isVerbose ?? (preferences.verboseAction == .continue)
        if isOn { context.terminal.writeError("VERBOSE: \(text)\n") }
    }

    func assignVariables() {
        if let variable = common.errorVariable {
            context.assign(variable: variable.name, value: .list(recorded.map(context.value(of:))), appending: variable.isAppending)
        }
        if let variable = common.outVariable {
            context.assign(variable: variable.name, value: .list(results), appending: variable.isAppending)
        }
        if let variable = common.informationVariable {
            context.assign(variable: variable.name, value: .list(messages), appending: variable.isAppending)
        }
        if let variable = common.warningVariable {
            context.assign(variable: variable.name, value: .list(warnings), appending: variable.isAppending)
        }
        if let variable = common.pipelineVariable { context.assign(variable: variable.name, value: .null, appending: false) }
    }
}
