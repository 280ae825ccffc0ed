import CLua
import Cmdlets

/// The arguments of one call from Lua, and the one place where Lua's values become ours. It only reads: nothing here can raise.
struct NativeCall {
    let interpreter: Interpreter
    let state: OpaquePointer

    /// Tables nested deeper than this are carried through unread.
    private static let deepest = 60

    var count: Int32 { lua_gettop(state) }

    func kind(_ index: Int32) -> lv_kind { lv_kind(rawValue: UInt32(lv_kind_at(state, index))) }

    /// A string as it is; nil for every other kind.
    func string(_ index: Int32) -> String? {
        guard let bytes = bytes(index) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    func bytes(_ index: Int32) -> [UInt8]? {
        guard kind(index) == LV_KIND_STRING else { return nil }
        var length = 0
        guard let start = lua_tolstring(state, index, &length) else { return nil }
        return start.withMemoryRebound(to: UInt8.self, capacity: length) { [UInt8](UnsafeBufferPointer(start: $0, count: length)) }
    }

    func integer(_ index: Int32) -> Int64? {
        guard lua_type(state, index) == LUA_TNUMBER else { return nil }
        var isGood: Int32 = 0
        let value = lua_tointegerx(state, index, &isGood)
        return isGood != 0 ? value : nil
    }

    /// The second upvalue of the running function.
    var functionText: String { string(lv_upvalue(2)) ?? "" }

    /// What `tostring` gives; nil when that fails.
    func text(_ index: Int32) -> String? {
        guard lv_push_text(state, index) else { return nil }
        defer { lv_drop(state, 1) }
        return string(-1)
    }

    /// The value at `index`. A missing value (`nil` that was written) is null.
    func value(_ index: Int32, depth: Int = 0) throws -> Value {
        let index = lua_absindex(state, index)
        guard lua_checkstack(state, 8) != 0 else { return .null }
        switch kind(index) {
        case LV_KIND_BOOLEAN: return .boolean(lua_toboolean(state, index) != 0)
        case LV_KIND_INTEGER: return .integer(lua_tointegerx(state, index, nil))
        case LV_KIND_FLOAT: return .number(lua_tonumberx(state, index, nil))
        case LV_KIND_STRING: return .string(string(index) ?? "")
        case LV_KIND_LIST: return depth > Self.deepest ? try opaque(index) : .list(try elements(index, depth))
        case LV_KIND_RECORD: return depth > Self.deepest ? try opaque(index) : try record(index, depth)
        case LV_KIND_TABLE: return depth > Self.deepest ? try opaque(index) : try table(index, depth)
        case LV_KIND_FUNCTION: return .block(LuaBlock(try keep(index), blockText(index), interpreter))
        case LV_KIND_DURATION: return .duration(TimeSpan(ticks: lv_payload(state, index)))
        case LV_KIND_TIME: return .time(Timestamp(unixNanoseconds: lv_payload(state, index)))
        case LV_KIND_OBJECT, LV_KIND_ERROR:
            switch interpreter.objects[lv_payload(state, index)] {
            case .live(let object): return .object(object)
            case .opaque(let value):
                if let block = value as? CarriedBlock { return .block(block) }
                return .opaque(value)
            case .failure(let failure): return .opaque(failure)
            case nil: return .null
            }
        case LV_KIND_OTHER: return try opaque(index)
        default: return .null
        }
    }

    private func opaque(_ index: Int32) throws -> Value {
        .opaque(LuaReference(try keep(index), text(index) ?? "", interpreter.released))
    }

    func keep(_ index: Int32) throws -> Int32 {
        let reference = lv_keep(state, index)
        guard reference >= 0 else {
            throw ErrorRecord("The script needs more memory than it may use.", "OutOfMemory", .resourceUnavailable)
        }
        return reference
    }

    private func blockText(_ index: Int32) -> String { "{ … }" }

    /// The sequence part of a table.
    func elements(_ index: Int32, _ depth: Int = 0) throws -> [Value] {
        let count = Int(lv_list_length(state, index))
        var values: [Value] = []
        values.reserveCapacity(min(count, 1024))
        for place in 0..<count {
            lua_rawgeti(state, index, Int64(place + 1))
            defer { lv_drop(state, 1) }
            values.append(try value(-1, depth: depth + 1))
        }
        return values
    }

    /// A plain table: only integer keys, or none: a list; else a record, names sorted so that the order does not change from run
    /// to run.
    private func table(_ index: Int32, _ depth: Int) throws -> Value {
        let fields = try fields(index, depth)
        if fields.isEmpty { return .list(try elements(index, depth)) }
        var record = Record(fields)
        for (place, value) in try elements(index, depth).enumerated() { record["\(place + 1)"] = value }
        return .record(record)
    }

    /// The fields with string keys, sorted by name.
    func fields(_ index: Int32, _ depth: Int = 0) throws -> [(name: String, value: Value)] {
        var fields: [(name: String, value: Value)] = []
        try forEachField(index) { name, _ in fields.append((name, try value(-1, depth: depth + 1))) }
        return fields.sorted { $0.name < $1.name }
    }

    /// Calls `body` with each string key while its value lies on top of the stack.
    func forEachField(_ index: Int32, _ body: (String, lv_kind) throws -> Void) throws {
        let index = lua_absindex(state, index)
        guard lua_checkstack(state, 8) != 0 else { return }
        let top = lua_gettop(state)
        lua_pushnil(state)
        while lua_next(state, index) != 0 {
            if kind(-2) == LV_KIND_STRING {
                do { try body(string(-2) ?? "", kind(-1)) } catch {
                    lua_settop(state, top)
                    throw error
                }
            }
            lv_drop(state, 1)
        }
    }

    /// A record of ours: its fields in their order.
    private func record(_ index: Int32, _ depth: Int) throws -> Value {
        var record = Record([])
        let top = lua_gettop(state)
        defer { lua_settop(state, top) }
        guard lua_getmetatable(state, index) != 0 else { return .record(record) }
        // stack: metatable
        if let type = rawString(top + 1, "type") { record.typeName = type }
        guard pushRaw(top + 1, "names") else { return .record(record) }
        // stack: metatable, names
        for name in try elements(top + 2) {
            guard case .string(let name) = name, pushRaw(index, name) else { continue }
            record[name] = try value(-1, depth: depth + 1)
            lv_drop(state, 1)
        }
        return .record(record)
    }

    /// Pushes the raw field; false (nothing pushed) when memory is short.
    func pushRaw(_ table: Int32, _ name: String) -> Bool {
        let table = lua_absindex(state, table)
        guard interpreter.push([.string(name)]) else { return false }
        lua_rawget(state, table)
        return true
    }

    private func rawString(_ table: Int32, _ name: String) -> String? {
        guard pushRaw(table, name) else { return nil }
        defer { lv_drop(state, 1) }
        return string(-1)
    }

    /// The script's place: the chunk's name and line of the innermost function that the user wrote.
    var place: (source: String, line: Int) {
        var short = [CChar](repeating: 0, count: 80)
        var full: UnsafePointer<CChar>?
        var length = 0
        let line = lv_current_line(state, &short, &full, &length)
        guard line > 0, let full else { return ("", 0) }
        let source = full.withMemoryRebound(to: UInt8.self, capacity: length) {
            String(decoding: UnsafeBufferPointer(start: $0, count: length), as: UTF8.self)
        }
        if source.hasPrefix("@") || source.hasPrefix("=") { return (String(source.dropFirst()), Int(line)) }
        return (String(decoding: short.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self), Int(line))
    }
}
