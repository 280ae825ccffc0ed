import Basics
import CLua
import Cmdlets
import Management
import Synchronization

/// Opens sessions beside the script's own, one for each job; touched from any thread.
final class SessionCarrier: BlockCarrier {
    private let host: VirtualMachineHost
    private let options: SessionOptions
    private let opened = Mutex(0)
    /// With --restricted: each interpreter has the limits of one, so there are not many.
    private static let mostRestricted = 32

    init(_ session: Session) {
        host = session.host
        var options = session.options
        options.isInteractive = false
        options.arguments = []
        self.options = options
    }

    func portable(_ block: any ScriptBlock, for cmdlet: String) throws -> any ScriptBlock {
        if block is CarriedBlock { return block }
        guard let block = block as? LuaBlock else {
            throw ErrorRecord("\(cmdlet) cannot carry this block to another interpreter.", "CannotCarry", .invalidArgument)
        }
        return try block.carried()
    }

    func open(_ output: any JobOutput) throws -> any BlockRunner {
        let count = opened.withLock { count in
            count += 1
            return count
        }
        guard !options.isRestricted || count <= Self.mostRestricted else {
            throw ErrorRecord(
                "--restricted allows \(Self.mostRestricted) interpreters for jobs in one run.", "TooManyJobs", .resourceUnavailable)
        }
        let session = try Session(host: host, options: options, terminal: JobTerminal(output))
        session.output = output
        return SessionRunner(session)
    }
}

/// One job's session.
private final class SessionRunner: BlockRunner {
    private let session: Session

    init(_ session: Session) { self.session = session }

    func stop() { session.interpreter.requestInterrupt() }

    func run(_ block: any ScriptBlock, input: Value, arguments: [Value]) throws {
        guard let block = block as? CarriedBlock else { return }
        switch session.run(block, input: input, arguments: arguments) {
        case .finished, .exit: return
        case .interrupted: throw Cancellation()
        case .failed(let failure):
            var record = failure.record
            record.cause = failure
            throw record
        }
    }
}

extension Session {
    /// Runs a block that came from another session; what it returns goes to `output`.
    func run(_ block: CarriedBlock, input: Value, arguments: [Value]) -> Outcome {
        let state = interpreter.state
        let top = lua_gettop(state)
        defer { lua_settop(state, top) }
        return guarded {
            _ = try callPrelude("using", [.record(block.using)])
            try load(block)
            // A function has no place for the object of a block, so it gets one only when there is one.
            var values = arguments
            if case .text = block.program { values.insert(input, at: 0) } else if !input.isNull { values.insert(input, at: 0) }
            guard interpreter.push(values) else { return }
            let count = try interpreter.callOnStack(arguments: Int32(values.count))
            guard count > 0 else { return }
            let call = NativeCall(interpreter: interpreter, state: state)
            for index in (top + 1)...(top + count) {
                for value in try call.value(index).elements { give(value) }
            }
        }
    }

    /// Gives a value to whoever receives what this session, a job's, gives.
    func give(_ value: Value) {
        guard !value.isNull else { return }
        output?.post(.value((try? value.portable("A result")) ?? .string(value.text)))
    }

    private func load(_ block: CarriedBlock) throws {
        switch block.program {
        case .text(let text, let line, let support):
            // Line ends before it put errors at the script's own lines.
            let program =
                String(repeating: "\n", count: max(0, line - 1)) + "local \(support)=...;return " + text
            try load(Array(program.utf8), block.source, mode: "t")
            guard lv_push_slot(interpreter.state, Int32(LV_SLOT_BINDINGS.rawValue)) else { return }
            _ = try interpreter.callOnStack(arguments: 1, results: 1)
        case .code(let code, let upvalues):
            try load(code, block.source, mode: "b")
            for (index, name) in upvalues.enumerated() {
                if name == "support" {
                    guard lv_push_slot(interpreter.state, Int32(LV_SLOT_BINDINGS.rawValue)) else { continue }
                } else {
                    // The globals.
                    lua_rawgeti(interpreter.state, lv_registry_index(), Int64(LUA_RIDX_GLOBALS))
                }
                if lua_setupvalue(interpreter.state, -2, Int32(index + 1)) == nil { lv_drop(interpreter.state, 1) }
            }
        }
    }
}

extension LuaBlock {
    /// The function as compiled code; one that uses a local of the script cannot be carried.
    func carried() throws -> CarriedBlock {
        guard let session = owner?.handler as? Session else {
            throw ErrorRecord("The script that this block belongs to has ended.", "BlockEnded", .invalidOperation)
        }
        return try session.dumped(self)
    }
}

extension Session {
    fileprivate func dumped(_ block: LuaBlock) throws -> CarriedBlock {
        let state = interpreter.state
        let top = lua_gettop(state)
        defer { lua_settop(state, top) }
        guard lua_checkstack(state, 20) != 0, pushPrelude("dump"), lv_push_reference(state, block.reference) else {
            throw ErrorRecord("The script needs more memory than it may use.", "OutOfMemory", .resourceUnavailable)
        }
        guard try interpreter.callOnStack(arguments: 1) == 2 else { throw BlockFailure.notLua }
        let call = NativeCall(interpreter: interpreter, state: state)
        guard let code = call.bytes(top + 1) else { throw BlockFailure.notLua }
        let upvalues = try call.elements(top + 2).map(\.text)
        let (source, _) = call.place
        return CarriedBlock(
            .code(code, upvalues: upvalues), source: "@" + source, using: Record(), sourceText: "function")
    }
}

private enum BlockFailure {
    static let notLua = ErrorRecord(
        "This function is not written in Lua and cannot be carried to another interpreter.", "CannotCarry", .invalidArgument,
        action: "Write function() … end around its call.")
}
