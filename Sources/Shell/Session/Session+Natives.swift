import Basics
import CLua
import Cmdlets
import Glibc

/// The functions that the prelude asks for (NativeOperation).
extension Session: NativeHandler {
    func perform(_ operation: NativeOperation, _ call: NativeCall) throws -> NativeResult {
        do { return try carryOut(operation, call) } catch is OutputClosed { return .exit(141) }
    }

    func locate(_ error: any Error, _ call: NativeCall) -> Value {
        let record = ErrorRecord(error)
        let (source, line) = call.place
        return .opaque(ScriptFailure(record, source: source, line: line))
    }

    private func carryOut(_ operation: NativeOperation, _ call: NativeCall) throws -> NativeResult {
        switch operation {
        case .cmdlet: return try callCmdlet(call.functionText, call)
        case .evaluate: return try runCommand(call, display: false)
        case .display: return try runCommand(call, display: true)
        case .cmdletFunction: return .function(.cmdlet, call.string(1) ?? "")
        case .objectIndex: return try objectProperty(call)
        case .objectText: return .values([.string(objectText(call))])
        case .objectPairs: return .values([.record(try PropertyReader.snapshot(of: try call.value(1)) ?? Record([]))])
        case .objectAssign: throw assignment(call)
        case .listMember: return try listMember(call)
        case .recordMissing: throw unknownProperty(call.string(2) ?? "", of: try call.value(1))
        case .errorIndex: return try errorField(call)
        case .errorText: return .values([.string(failureValue(call)?.displayText ?? "")])
        case .errorPairs:
            guard let failure = failureValue(call) else { return .values([.record(Record([]))]) }
            let fields = ScriptFailure.fields.filter { $0 != "Exception" }.map { (name: $0, value: failure.field($0) ?? .null) }
            return .values([.record(Record(typeName: "ErrorRecord", fields))])
        case .makeError: return .values([.opaque(errorObject(call, 1))])
        case .raise: throw ErrorRecord(call.string(2) ?? "", call.string(1) ?? "", .invalidOperation, action: call.string(3))
        case .durationIndex, .timeIndex: return try timeMember(call)
        case .durationText, .timeText: return .values([.string(try call.value(1).text)])
        case .durationArithmetic, .timeArithmetic:
            return .values([try TimeArithmetic.result(call.string(1) ?? "", try call.value(2), try call.value(3))])
        case .valueMethod: return .values([try callTimeMethod(call)])
        case .compareValues: return .values([.integer(Int64(try compare(call)))])
        case .comparison: return .values([try compareWords(call)])
        case .compile:
            try compile(call.bytes(1) ?? [], name: call.string(2) ?? "=(load)")
            return .onStack(1)
        case .readFile: return .nothing
        case .print:
            write(call.bytes(1) ?? [])
            try checkOutput()
            return .nothing
        case .exit: return .exit(Int32(truncatingIfNeeded: call.integer(1) ?? 1) & 255)
        case .environment: return .values([environment(call.string(1) ?? "").map { .string($0) } ?? .null])
        case .setEnvironment:
            let value = try call.value(2)
            if value.isNull { unsetenv(call.string(1) ?? "") } else { setenv(call.string(1) ?? "", value.text, 1) }
            return .nothing
        case .preference: return .values([preferences.value(call.string(1) ?? "")])
        case .setPreference:
            try preferences.set(call.string(1) ?? "", try call.value(2))
            return .nothing
        case .errors: return .values([.list(errors.map { .opaque($0) })])
        case .clearErrors:
            errors.removeAll()
            return .nothing
        case .scriptArguments: return .values([.list(options.arguments.map { .string($0) })])
        case .missingValue: throw missingInText(call)
        case .carriedBlock: return .values([.block(try carriedBlock(call))])
        case .declareCmdlet:
            try declareCmdlet(call)
            return .nothing
        case .bindParameters: return try bindParameters(call)
        case .reportTest:
            return .values([scenario?.report(call.string(1) ?? "", call.string(2) ?? "", call) ?? .boolean(false)])
        }
    }

    private func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    // MARK: Objects and lists

    private func objectProperty(_ call: NativeCall) throws -> NativeResult {
        let value = try call.value(1)
        let name = call.string(2) ?? ""
        if let found = try PropertyReader.property(name, of: value) { return .values([found]) }
        switch name.lowercased() {
        case "count", "length": return .values([.integer(1)])
        case "tostring": return .method(.objectText, name)
        default: throw unknownProperty(name, of: value)
        }
    }

    private func unknownProperty(_ name: String, of value: Value) -> ErrorRecord {
        let nearest = PropertyReader.nearest(to: name, of: value)
        return ErrorRecord(
            "“\(value.text)” (\(value.typeName)) has no property “\(name)”.", "PropertyNotFound", .invalidArgument, target: value.text,
            action: nearest.isEmpty ? "Get-Member lists the properties." : "Did you mean \(Spelling.list(nearest, "or"))?")
    }

    private func objectText(_ call: NativeCall) -> String { (try? call.value(1).text) ?? "" }

    private func assignment(_ call: NativeCall) -> ErrorRecord {
        let name = call.string(2) ?? ""
        var action = "Properties are changed by cmdlets."
        if let object = try? call.value(1).objectValue {
            // VirtualMachine is the module's type of Get-VM; the others carry their noun.
            let noun = object.type.name == "VirtualMachine" ? "VM" : object.type.name
            let candidates = [noun, noun + "Firmware", noun + "Processor", noun + "Memory"]
            let setter = candidates.compactMap { catalogue.cmdlet(named: "Set-\($0)") }.first { cmdlet in
                cmdlet.parameters.contains { $0.name.lowercased() == name.lowercased() }
            }
            if name.lowercased() == "name", catalogue.cmdlet(named: "Rename-\(noun)") != nil {
                action = "Rename-\(noun) gives it another name."
            } else if let setter {
                action = "Write \(setter.name) -\(name) …"
            } else if let plain = catalogue.cmdlet(named: "Set-\(noun)") {
                action = "Properties are changed by cmdlets such as \(plain.name)."
            }
        }
        return ErrorRecord(
            "The property “\(name)” of a live object cannot be assigned.", "PropertyReadOnly", .invalidOperation, action: action)
    }

    /// A property of a list: the list of its elements' values, flattened one level.
    private func listMember(_ call: NativeCall) throws -> NativeResult {
        let name = call.string(2) ?? ""
        let values = try call.elements(1)
        let isCount = ["count", "length"].contains(name.lowercased())
        var found: [Value] = []
        var isKnown = false
        // Objects are read in one request each, all at the same moment.
        for value in values where !value.isNull {
            guard let property = try PropertyReader.property(name, of: value) else { continue }
            isKnown = true
            switch property {
            case .null: break
            case .list(let inner): found += inner.filter { !$0.isNull }
            default: found.append(property)
            }
        }
        if !isKnown {
            if isCount { return .values([.integer(Int64(values.count))]) }
            if let first = values.first(where: { !$0.isNull }) { throw unknownProperty(name, of: first) }
        }
        return .values([.list(found)])
    }

    // MARK: Errors

    private func failureValue(_ call: NativeCall) -> ScriptFailure? {
        guard case .opaque(let value)? = try? call.value(1) else { return nil }
        return value as? ScriptFailure
    }

    private func errorField(_ call: NativeCall) throws -> NativeResult {
        guard let failure = failureValue(call), let name = call.string(2) else { return .values([.null]) }
        if let value = failure.field(name) { return .values([value]) }
        let nearest = Spelling.nearest(to: name, among: ScriptFailure.fields)
        throw ErrorRecord(
            "An error has no field “\(name)”.", "PropertyNotFound", .invalidArgument,
            action: "Did you mean \(Spelling.list(nearest.isEmpty ? ["Message"] : nearest, "or"))?")
    }

    /// Any Lua value as an error object: an error object is itself.
    private func errorObject(_ call: NativeCall, _ index: Int32) -> ScriptFailure {
        if let failure = failureValue(call) { return failure }
        return Self.failure(fromText: call.text(index) ?? "error")
    }

    private func missingInText(_ call: NativeCall) -> ErrorRecord {
        guard case .missing(let variable, let nearest)? = try? missing(call, 1) else {
            return ErrorRecord("A value is missing.", "ValueMissing", .invalidArgument)
        }
        let what = variable.map { "`$\($0)`" } ?? "An expression"
        return ErrorRecord(
            "\(what) in a double-quoted string has no value.", "ValueMissing", .invalidArgument,
            action: nearest.map { "Did you mean $\($0)?" } ?? "Assign it first, or quote the string with single quotes.")
    }

    /// The block of a job: its text, line, name of the support table, words of the user, and its `$using:` names with their values.
    private func carriedBlock(_ call: NativeCall) throws -> CarriedBlock {
        let words = call.string(4) ?? "{ … }"
        var using = Record()
        for place in stride(from: Int64(1), to: Int64(lua_rawlen(call.state, 5)), by: 2) {
            let top = lua_gettop(call.state)
            defer { lua_settop(call.state, top) }
            lua_rawgeti(call.state, 5, place)
            lua_rawgeti(call.state, 5, place + 1)
            let name = call.string(top + 1) ?? ""
            if call.kind(top + 2) == LV_KIND_MISSING, case .missing(_, let nearest) = try missing(call, top + 2) {
                throw ErrorRecord(
                    "`$using:\(name)`: “\(name)” has no value (nil).\(nearest.map { " Did you mean “\($0)”?" } ?? "")", "ValueMissing",
                    .invalidArgument, target: name, action: "Assign it before the job is started.")
            }
            using[name] = try call.value(top + 2).portable("`$using:\(name)`")
        }
        return CarriedBlock(
            .text(call.string(1) ?? "", line: Int(call.integer(2) ?? 1), support: call.string(3) ?? "_lv"), source: "@" + call.place.source,
            using: using, sourceText: words)
    }

    // MARK: Durations and times

    private func timeMember(_ call: NativeCall) throws -> NativeResult {
        let value = try call.value(1)
        guard let name = call.string(2) else { return .values([.null]) }
        if let found = try PropertyReader.property(name, of: value) { return .values([found]) }
        if TimeArithmetic.methods(of: value).contains(where: { $0.lowercased() == name.lowercased() }) {
            return .method(.valueMethod, name)
        }
        let known = PropertyReader.names(of: value) + TimeArithmetic.methods(of: value)
        throw ErrorRecord(
            "A \(value.typeName) has no property “\(name)”.", "PropertyNotFound", .invalidArgument,
            action: "Did you mean \(Spelling.list(Spelling.nearest(to: name, among: known), "or"))?")
    }

    private func callTimeMethod(_ call: NativeCall) throws -> Value {
        let receiver = try call.value(lv_upvalue(3))
        var first: Int32 = 1
        // Called with a colon the receiver comes first.
        if call.count >= 1, lua_rawequal(call.state, 1, lv_upvalue(3)) != 0 { first = 2 }
        let argument = call.count >= first ? try call.value(first) : .null
        return try TimeArithmetic.call(call.functionText, of: receiver, argument)
    }

    private func compare(_ call: NativeCall) throws -> Int {
        let (left, right) = (try call.value(1), try call.value(2))
        if let order = TimeArithmetic.order(left, right) { return order }
        if lua_toboolean(call.state, 3) != 0 { return 1 }
        throw ErrorRecord("A \(left.typeName) cannot be compared with a \(right.typeName).", "CannotCompare", .invalidArgument)
    }

    /// What `print` writes: bytes that are no UTF-8 go out as they are.
    private func write(_ bytes: [UInt8]) {
        if let text = String(validating: bytes, as: UTF8.self) {
            terminal.writeOutput(text)
        } else if let standard = terminal as? StandardTerminal {
            standard.writeOutput(bytes: bytes)
        } else {
            terminal.writeOutput(String(decoding: bytes, as: UTF8.self))
        }
    }

    private func compareWords(_ call: NativeCall) throws -> Value {
        let word = call.string(1) ?? ""
        guard let comparison = Comparison(word: word) else {
            throw ErrorRecord("-\(word) is no comparison.", "CannotCompare", .invalidArgument)
        }
        return .boolean(try comparison.evaluate(try call.value(2), try call.value(3), context))
    }
}
