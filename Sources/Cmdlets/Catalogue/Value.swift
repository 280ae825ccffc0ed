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

/// An ordered set of named values; names compare without regard to case and keep their spelling.
public struct Record: Sendable {
    public private(set) var fields: [(name: String, value: Value)] = []
    /// Name of the type for views and Get-Member; nil: a custom object.
    public var typeName: String?

    public init(typeName: String? = nil, _ fields: [(name: String, value: Value)] = []) {
        self.typeName = typeName
        self.fields = fields
    }

    public subscript(name: String) -> Value? {
        get { fields.first { $0.name.lowercased() == name.lowercased() }?.value }
        set {
            let position = fields.firstIndex { $0.name.lowercased() == name.lowercased() }
            switch (position, newValue) {
            case (let position?, let value?): fields[position].value = value
            case (let position?, nil): fields.remove(at: position)
            case (nil, let value?): fields.append((name, value))
            case (nil, nil): break
            }
        }
    }
}

/// A length of time in units of 100 ns, shown like .NET's TimeSpan.
public struct TimeSpan: Sendable, Hashable, Comparable {
    public var ticks: Int64
    public init(ticks: Int64) { self.ticks = ticks }
    public init(seconds: Double) { ticks = Int64((seconds * 10_000_000).rounded()) }
    public static func < (left: TimeSpan, right: TimeSpan) -> Bool { left.ticks < right.ticks }
}

/// An instant: nanoseconds since the Unix epoch, shown as ISO 8601 with the local offset.
public struct Timestamp: Sendable, Hashable, Comparable {
    public var unixNanoseconds: Int64
    public init(unixNanoseconds: Int64) { self.unixNanoseconds = unixNanoseconds }
    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.unixNanoseconds < right.unixNanoseconds }
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
}

extension LiveObject {
    public func property(_ name: String) throws -> Value { try snapshot()[name] ?? .null }
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
