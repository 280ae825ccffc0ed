import CLua
import Cmdlets
import Synchronization

/// References that Swift gave up, perhaps on another thread; the interpreter's own thread hands them back to Lua.
final class ReleasedReferences: Sendable {
    private let waiting = Mutex<[Int32]>([])

    func add(_ reference: Int32) { waiting.withLock { $0.append(reference) } }

    func takeAll() -> [Int32] {
        waiting.withLock { list in
            defer { list.removeAll() }
            return list
        }
    }
}

/// A Lua value kept from Swift: a table with a metatable, a coroutine, a function.
///
/// It is carried through other threads (a cmdlet's arguments) but used on the interpreter's thread only, hence unchecked.
class LuaReference: OpaqueValue, @unchecked Sendable {
    let reference: Int32
    let displayText: String
    private let released: ReleasedReferences

    init(_ reference: Int32, _ displayText: String, _ released: ReleasedReferences) {
        (self.reference, self.displayText, self.released) = (reference, displayText, released)
    }

    deinit { released.add(reference) }
}

/// A Lua function as a cmdlet's block.
final class LuaBlock: LuaReference, ScriptBlock, @unchecked Sendable {
    private weak var interpreter: Interpreter?
    /// The interpreter it belongs to; nil when that has ended.
    var owner: Interpreter? { interpreter }

    init(_ reference: Int32, _ sourceText: String, _ interpreter: Interpreter) {
        self.interpreter = interpreter
        super.init(reference, sourceText, interpreter.released)
    }

    var sourceText: String { displayText }

    func call(_ input: Value, _ arguments: [Value]) throws -> Value {
        guard let interpreter else {
            throw ErrorRecord("The script that this block belongs to has ended.", "BlockEnded", .invalidOperation)
        }
        return try interpreter.call(self, [input] + arguments)
    }
}
