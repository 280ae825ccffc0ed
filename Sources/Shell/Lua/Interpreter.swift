import CLua
import Cmdlets

/// Runs native operations; implemented by the session.
protocol NativeHandler: AnyObject {
    /// Carries out `operation` with the arguments on `call`'s stack.
    func perform(_ operation: NativeOperation, _ call: NativeCall) throws -> NativeResult
    /// Lua raised nothing yet: gives an error its place in the script.
    func locate(_ error: any Error, _ call: NativeCall) -> Value
}

/// What a native operation returns.
enum NativeResult {
    case values([Value])
    /// A function bound to argument 1 of the call.
    case method(NativeOperation, String)
    case function(NativeOperation, String)
    /// That many results lie on top of Lua's stack already.
    case onStack(Int32)
    /// os.exit.
    case exit(Int32)

    static let nothing = NativeResult.values([])
}

/// One Lua state. Everything here runs on one thread, the one that made it; only `requestInterrupt` may come from elsewhere.
final class Interpreter: @unchecked Sendable {
    let lua: OpaquePointer
    let objects = ObjectTable()
    let released = ReleasedReferences()
    weak var handler: (any NativeHandler)?
    /// The coroutine that runs now.
    var state: OpaquePointer

    /// Starts a Lua state that may use `memoryLimit` bytes.
    init(memoryLimit: Int) throws {
        // The owner is handed over once `self` exists; opening calls no native function.
        let box = OwnerBox()
        let owner = Unmanaged.passRetained(box)
        guard let lua = lv_lua_open(owner.toOpaque(), Interpreter.dispatch, Interpreter.count, memoryLimit) else {
            owner.release()
            throw ErrorRecord("There is not enough memory for a Lua interpreter.", "OutOfMemory", .resourceUnavailable)
        }
        self.lua = lua
        ownerBox = owner
        state = lv_lua_main(lua)
        box.interpreter = self
    }

    private final class OwnerBox {
        unowned(unsafe) var interpreter: Interpreter?
    }
    private let ownerBox: Unmanaged<OwnerBox>

    deinit {
        lv_lua_close(lua)
        ownerBox.release()
    }

    // MARK: Called from C

    private static let dispatch: lv_dispatch = { owner, state, operation in
        guard let owner, let state, let interpreter = Unmanaged<OwnerBox>.fromOpaque(owner).takeUnretainedValue().interpreter,
            let operation = NativeOperation(rawValue: operation)
        else { return Int32(LV_RETURN.rawValue) }
        return interpreter.perform(operation, state)
    }

    private static let count: lv_count_object = { owner, identifier, delta in
        guard let owner, let interpreter = Unmanaged<OwnerBox>.fromOpaque(owner).takeUnretainedValue().interpreter else { return }
        interpreter.objects.change(identifier, by: Int(delta))
    }

    private func perform(_ operation: NativeOperation, _ running: OpaquePointer) -> Int32 {
        let before = state
        state = running
        defer { state = before }
        drainReleased()
        let call = NativeCall(interpreter: self, state: running)
        do {
            guard let handler else { return reply([]) }
            switch try handler.perform(operation, call) {
            case .values(let values): return reply(values)
            case .method(let operation, let text):
                var writer = ReplyWriter(objects)
                writer.addMethod(operation, text)
                return send(writer, LV_RETURN)
            case .function(let operation, let text):
                var writer = ReplyWriter(objects)
                writer.addFunction(operation, text)
                return send(writer, LV_RETURN)
            case .onStack(let count): return Int32(LV_ON_STACK.rawValue) + count
            case .exit(let code):
                lv_lua_request_exit(lua, code)
                return Int32(LV_INTERRUPT.rawValue)
            }
        } catch is Cancellation {
            return Int32(LV_INTERRUPT.rawValue)
        } catch {
            var writer = ReplyWriter(objects)
            writer.add(raised(error, call))
            return send(writer, LV_RAISE)
        }
    }

    /// The Lua value with which `error` is raised: its own when it was one, else an error object.
    private func raised(_ error: any Error, _ call: NativeCall) -> Value {
        if let lua = error as? RaisedLuaValue { return .opaque(lua.value) }
        if let record = error as? ErrorRecord, let cause = record.cause as? RaisedLuaValue { return .opaque(cause.value) }
        if let failure = error as? ScriptFailure { return .opaque(failure) }
        return handler?.locate(error, call) ?? .string("\(error)")
    }

    private func reply(_ values: [Value]) -> Int32 {
        var writer = ReplyWriter(objects)
        for value in values { writer.add(value) }
        return send(writer, LV_RETURN)
    }

    private func send(_ writer: ReplyWriter, _ status: lv_status) -> Int32 {
        let good = writer.bytes.withUnsafeBufferPointer { lv_set_reply(lua, $0.baseAddress, $0.count, writer.count) }
        if good == 0 { lv_set_reply(lua, nil, 0, 0) }
        return Int32(status.rawValue)
    }

    // MARK: Called from Swift

    func requestInterrupt() { lv_lua_request_interrupt(lua) }
    var shouldStop: Bool { lv_lua_should_stop(lua) }
    /// An interrupt or os.exit is on its way to the top.
    var isUnwinding: Bool { lv_lua_is_unwinding(lua) }
    var exitCode: Int32? {
        var code: Int32 = 0
        return lv_lua_exit_requested(lua, &code) ? code : nil
    }
    func clearInterrupt() { lv_lua_clear_interrupt(lua) }

    /// Hands references that Swift gave up back to Lua, and forgets objects that Lua gave up. A reply that is being pushed may still
    /// name them, so nothing happens then.
    func drainReleased() {
        guard !lv_lua_is_decoding(lua) else { return }
        for reference in released.takeAll() { lv_release(state, reference) }
        objects.sweep()
    }

    /// Pushes values; false when memory is short.
    func push(_ values: [Value]) -> Bool {
        var writer = ReplyWriter(objects)
        for value in values { writer.add(value) }
        _ = send(writer, LV_RETURN)
        return lv_push_reply(state) == Int32(values.count)
    }

    /// Calls the function below `count` arguments on the stack; leaves its results, gives their number.
    func callOnStack(arguments count: Int32, results: Int32 = LUA_MULTRET) throws -> Int32 {
        let base = lua_gettop(state) - count - 1
        let ran = lv_lua_set_running(lua, true)
        let status = lua_pcallk(state, count, results, 0, 0, nil)
        lv_lua_set_running(lua, ran)
        if status == LUA_OK { return lua_gettop(state) - base }
        defer { lua_settop(state, base) }
        throw raisedError()
    }

    /// The error on top of the stack as a Swift error.
    func raisedError() -> any Error {
        if isUnwinding { return Cancellation() }
        let call = NativeCall(interpreter: self, state: state)
        if case .opaque(let value) = (try? call.value(-1)) ?? .null, let failure = value as? ScriptFailure { return failure }
        let text = call.text(-1) ?? "not enough memory"
        let reference = lv_keep(state, -1)
        guard reference >= 0 else {
            return ErrorRecord("The script needs more memory than it may use.", "OutOfMemory", .resourceUnavailable)
        }
        return RaisedLuaValue(value: LuaReference(reference, text, released))
    }

    /// Calls a block with values; gives its first result.
    func call(_ block: LuaBlock, _ arguments: [Value]) throws -> Value {
        let top = lua_gettop(state)
        defer { lua_settop(state, top) }
        guard lua_checkstack(state, 20) != 0, lv_push_reference(state, block.reference), push(arguments) else {
            throw ErrorRecord("The script needs more memory than it may use.", "OutOfMemory", .resourceUnavailable)
        }
        let results = try callOnStack(arguments: Int32(arguments.count))
        guard results > 0 else { return .null }
        return try NativeCall(interpreter: self, state: state).value(top + 1)
    }
}
