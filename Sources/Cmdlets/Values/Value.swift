/// What travels between cmdlets, scripts and views. The shell's one conversion file maps it to and from Lua.
public indirect enum Value: Sendable {
    case null
    case boolean(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    /// A list value: many objects, `Count`, index from 1.
    case list([Value])
    /// An ordered table with string keys: a plain Lua table, or what Select-Object makes.
    case record(Record)
    /// A live handle.
    case object(any LiveObject)
    case duration(TimeSpan)
    case time(Timestamp)
    case block(any ScriptBlock)
    /// A Lua value no cmdlet looks into; carried through unchanged.
    case opaque(any OpaqueValue)
}

/// A live handle to a thing of the host (a VM, a snapshot, an event …). The same thing is the same Lua value: the shell interns by
/// (`type.name`, `identity`).
public protocol LiveObject: AnyObject, Sendable {
    var type: ObjectType { get }
    /// Unique among objects of the type, stable for the thing's life.
    var identity: String { get }
    /// What `tostring` gives: the name.
    var displayName: String { get }
    /// All properties, read at one moment in one request, in the order of `type.properties`.
    func snapshot() throws -> Record
    /// One property by its exact name in `type.properties`.
    func property(_ name: String) throws -> Value
    /// The properties of several objects of this type, all of them read at once; results in the order of `objects`.
    func snapshots(of objects: [any LiveObject]) -> [Result<Record, any Error>]
}

extension LiveObject {
    public func property(_ name: String) throws -> Value { try snapshot()[name] ?? .null }
    public func snapshots(of objects: [any LiveObject]) -> [Result<Record, any Error>] {
        objects.map { object in Result { try object.snapshot() } }
    }
}

/// The declaration of an object type: its name in the module, its properties with their types and meaning.
public struct ObjectType: Sendable {
    public struct Property: Sendable {
        public var name: String
        /// Type in the module's words: String, Int32, UInt64, Guid, VMState, TimeSpan, DateTime, Boolean …
        public var type: String
        public var summary: String
        public init(_ name: String, _ type: String, _ summary: String) { (self.name, self.type, self.summary) = (name, type, summary) }
    }
    public var name: String
    public var properties: [Property]
    public init(name: String, properties: [Property]) { (self.name, self.properties) = (name, properties) }
}

/// A `{ … }` of the command form, or a Lua function: object in; value or error out. Implemented by the shell; called on its thread.
public protocol ScriptBlock: AnyObject, Sendable {
    /// Runs with `input` as `$_`; further values are the block's `...`.
    func call(_ input: Value, _ arguments: [Value]) throws -> Value
    /// The block's own text, for messages and column headers.
    var sourceText: String { get }
}

/// A Lua value that only the shell understands.
public protocol OpaqueValue: AnyObject, Sendable {
    /// What `tostring` gives.
    var displayText: String { get }
}
