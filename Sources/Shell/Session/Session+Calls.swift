import Basics
import CLua
import Cmdlets

/// Calls of cmdlets from Lua: reading the arguments as they were written, running the pipeline, giving the result its shape.
extension Session {
    /// Function form: `Get-VM("web*")`, `Get_VM{ … }`.
    func callCmdlet(_ name: String, _ call: NativeCall) throws -> NativeResult {
        if call.count == 1, let text = call.string(1), let value = try directAnswer(name, text) { return .values([value]) }
        let (source, line) = call.place
        let cmdlet = catalogue.cmdlet(named: name)
        var arguments: [RawArgument] = []
        var input = PipelineInput.none
        let count = call.count
        var index: Int32 = 1
        if cmdlet?.takesInputFirst ?? false, count >= 1 {
            input = try self.input(call, 1)
            index = 2
        }
        while index <= count {
            if index == count, call.kind(index) == LV_KIND_TABLE, let named = try namedArguments(call, index, cmdlet) {
                arguments += named
            } else {
                arguments.append(RawArgument(name: nil, try content(call, index)))
            }
            index += 1
        }
        frames.append(CallFrame(source: source, stages: [(name, line)]))
        defer { frames.removeLast() }
        let result = try runStages([CommandCall(name, arguments)], input, sink: nil)
        return result.shape == .nothing ? .nothing : .values([result.value])
    }

    /// A plain table as the last argument: its string keys are parameters, its integer keys positional. nil: it is a value.
    private func namedArguments(_ call: NativeCall, _ index: Int32, _ cmdlet: Cmdlet?) throws -> [RawArgument]? {
        var named: [RawArgument] = []
        try call.forEachField(index) { name, _ in named.append(RawArgument(name: name, try content(call, -1))) }
        guard !named.isEmpty else { return nil }
        let calculated: Set<String> = ["name", "n", "label", "l", "expression", "e"]
        let names = Set(named.compactMap { $0.name?.lowercased() })
        let takesProperty = cmdlet?.parameters.contains { if case .property = $0.type { true } else { false } } ?? false
        if takesProperty, names.isSubset(of: calculated), names.contains("expression") || names.contains("e") { return nil }
        // Lua's order of a table's keys changes from run to run; errors should not.
        named.sort { ($0.name ?? "") < ($1.name ?? "") }
        for place in 0..<Int64(lua_rawlen(call.state, index)) {
            lua_rawgeti(call.state, index, place + 1)
            defer { lv_drop(call.state, 1) }
            named.append(RawArgument(name: nil, try content(call, lua_gettop(call.state))))
        }
        return named
    }

    /// One argument's value, or that it is missing.
    func content(_ call: NativeCall, _ index: Int32) throws -> RawArgument.Content {
        switch call.kind(index) {
        case LV_KIND_NIL, LV_KIND_NONE: return .missing(variable: nil, nearest: nil)
        case LV_KIND_MISSING: return try missing(call, index)
        case LV_KIND_LIST:
            // A comma list: one missing value makes it missing.
            let index = lua_absindex(call.state, index)
            for place in 0..<Int64(lua_rawlen(call.state, index)) {
                lua_rawgeti(call.state, index, place + 1)
                defer { lv_drop(call.state, 1) }
                if call.kind(-1) == LV_KIND_MISSING { return try missing(call, lua_gettop(call.state)) }
            }
            return .value(try call.value(index))
        default: return .value(try call.value(index))
        }
    }

    /// What `_lv.v` noted about a nil: the variable's text and a name that exists.
    func missing(_ call: NativeCall, _ index: Int32) throws -> RawArgument.Content {
        func field(_ name: String) -> String? {
            guard call.pushRaw(index, name) else { return nil }
            defer { lv_drop(call.state, 1) }
            return call.string(-1)
        }
        let name = field("name")
        var nearest = field("near")
        if nearest == nil, let name, let base = name.split(whereSeparator: { $0 == "." || $0 == "[" }).first,
            case .list(let names)? = try? callPrelude("names", [])
        {
            let known = names.compactMap(\.stringValue).filter { $0 != String(base) && !$0.contains("_") }
            nearest = known.first { $0.lowercased() == base.lowercased() }
            if nearest == nil, base.count > 2 { nearest = Spelling.nearest(to: String(base), among: known, limit: 1).first }
        }
        return .missing(variable: name, nearest: nearest)
    }

    private func input(_ call: NativeCall, _ index: Int32) throws -> PipelineInput {
        switch call.kind(index) {
        case LV_KIND_NIL, LV_KIND_MISSING: .many([])
        default: PipelineInput(try call.value(index))
        }
    }

    /// `Get-VM x` and its like, without binding and pipeline; nil: the call goes the usual way.
    private func directAnswer(_ name: String, _ text: String) throws -> Value? {
        let direct: Cmdlet.Direct
        if let known = directCalls[name] {
            direct = known
        } else {
            guard let found = catalogue.cmdlet(named: name)?.direct else { return nil }
            directCalls[name] = found
            direct = found
        }
        if interpreter.shouldStop { throw Cancellation() }
        // A trace tells of every call.
        guard context.host.trace == nil else { return nil }
        return direct(context, text)
    }

    /// The same for a command of one stage with one argument, as the translator writes it.
    private func directCommand(_ call: NativeCall) throws -> Value? {
        let (state, top) = (call.state, lua_gettop(call.state))
        defer { lua_settop(state, top) }
        guard call.kind(1) == LV_KIND_TABLE, lua_rawlen(state, 1) == 3 else { return nil }
        // Place 0 is taken where something is fed in.
        guard lua_rawgeti(state, 1, 0) == LUA_TNIL else { return nil }
        lua_rawgeti(state, 1, 3)
        guard call.kind(-1) == LV_KIND_TABLE, lua_rawlen(state, -1) == 2 else { return nil }
        lua_rawgeti(state, -1, 1)
        // A value, or a bare word.
        guard let kind = call.integer(-1), kind == 1 || kind == 5 else { return nil }
        lua_rawgeti(state, -2, 2)
        guard let text = call.string(-1) else { return nil }
        lua_rawgeti(state, 1, 1)
        guard let name = call.string(-1) else { return nil }
        return try directAnswer(name, text)
    }

    /// Command form: the table that the translator wrote (CommandArguments.swift).
    func runCommand(_ call: NativeCall, display: Bool) throws -> NativeResult {
        if !display, let value = try directCommand(call) { return .values([value]) }
        let (source, _) = call.place
        guard call.kind(1) == LV_KIND_TABLE else { return .nothing }
        var stages: [CommandCall] = []
        var frame = CallFrame(source: source, stages: [])
        var input = PipelineInput.none
        if call.pushRaw(1, "hasHead") {
            let hasHead = lua_toboolean(call.state, -1) != 0
            lv_drop(call.state, 1)
            if hasHead, call.pushRaw(1, "head") {
                defer { lv_drop(call.state, 1) }
                input = try self.input(call, -1)
            }
        }
        var place: Int64 = 1
        let length = Int64(lua_rawlen(call.state, 1))
        while place + 2 <= length {
            let top = lua_gettop(call.state)
            defer { lua_settop(call.state, top) }
            for offset in 0..<3 { lua_rawgeti(call.state, 1, place + Int64(offset)) }
            let name = call.string(top + 1) ?? ""
            frame.stages.append((name, Int(call.integer(top + 2) ?? 0)))
            stages.append(CommandCall(name, try writtenArguments(call, top + 3, &frame)))
            place += 3
        }
        frames.append(frame)
        defer { frames.removeLast() }
        guard display else { return .values([try runStages(stages, input, sink: nil).value]) }
        if output != nil {
            // A job keeps what it would show.
            _ = try runStages(stages, input) { self.give($0) }
            return .nothing
        }
        let shown = Display(context)
        do {
            let result = try runStages(stages, input) { try shown.show($0) }
            try shown.finish(shape: result.shape)
        } catch {
            // What had come before the failure is shown all the same; JSON shows whole statements only.
            if options.outputFormat != .json { try? shown.finish() }
            throw error
        }
        return .nothing
    }

    private func writtenArguments(_ call: NativeCall, _ table: Int32, _ frame: inout CallFrame) throws -> [RawArgument] {
        var arguments: [RawArgument] = []
        let length = Int64(lua_rawlen(call.state, table))
        var place: Int64 = 1
        /// Pushes the next entry.
        func next() -> Int32 {
            lua_rawgeti(call.state, table, place)
            place += 1
            return lua_gettop(call.state)
        }
        while place <= length {
            let top = lua_gettop(call.state)
            defer { lua_settop(call.state, top) }
            let kind = call.integer(next())
            let value = next()
            switch kind {
            case 1: arguments.append(RawArgument(name: nil, try content(call, value)))
            case 2: arguments.append(.flag(call.string(value) ?? ""))
            case 3: arguments.append(RawArgument(name: call.string(value), try content(call, next())))
            case 4:
                if call.kind(value) == LV_KIND_MISSING {
                    arguments.append(RawArgument(name: nil, try missing(call, value)))
                } else if call.kind(value) == LV_KIND_TABLE {
                    arguments += try namedArguments(call, value, nil) ?? RawArgument.splat(try call.value(value))
                } else {
                    let given = try call.value(value)
                    switch given {
                    case .boolean, .integer, .number, .string:
                        throw ErrorRecord(
                            "`@` spreads the fields of a table over the parameters; given was \(given.shown).", "SplatNotTable",
                            .invalidArgument, action: "Write @p with p = { Name = … }, or $p to give the value itself.")
                    default: arguments += RawArgument.splat(given)
                    }
                }
            case 5: arguments.append(.word(call.string(value) ?? ""))
            case 7:
                if case .block(let block) = try call.value(next()), let block = block as? LuaBlock {
                    frame.setters[call.string(value) ?? ""] = block
                }
            default: break
            }
        }
        return arguments
    }

    /// Ends the program when standard output takes no more.
    func checkOutput() throws {
        guard let terminal = terminal as? StandardTerminal else { return }
        if terminal.isOutputClosed { throw OutputClosed() }
        guard let problem = terminal.outputProblem else { return }
        throw ErrorRecord(
            "Standard output takes no more: \(problem).", "OutputFailed", .writeError, action: "Make room, or write to another place.")
    }

    private func runStages(_ stages: [CommandCall], _ input: PipelineInput, sink: ((Value) throws -> Void)?) throws -> PipelineResult {
        do {
            let result = try Pipeline.run(stages, input: input, context: context, sink: sink)
            try checkOutput()
            return result
        } catch let error as Cancellation {
            throw error
        } catch let error as ScriptFailure {
            throw error
        } catch let error as RaisedLuaValue {
            throw error
        } catch let error as OutputClosed {
            throw error
        } catch let error as ErrorRecord {
            if let cause = error.cause as? RaisedLuaValue { throw cause }
            throw placed(error)
        } catch {
            throw placed(error)
        }
    }
}

/// Nobody reads standard output any more: the program ends quietly with 141.
struct OutputClosed: Error {}
