import CLua
import Cmdlets

/// What Lua's userdata stand for. The same thing has the same identifier, and so is the same Lua value, for as long as Lua holds it.
final class ObjectTable {
    enum Entry {
        case live(any LiveObject)
        case opaque(any OpaqueValue)
        case failure(ScriptFailure)
    }

    private struct Key: Hashable {
        var type: String
        var identity: String
    }

    private var entries: [Int64: (entry: Entry, key: Key?, count: Int)] = [:]
    private var identifiers: [Key: Int64] = [:]
    private var last: Int64 = 0
    private var abandoned: [Int64] = []

    subscript(identifier: Int64) -> Entry? { entries[identifier]?.entry }
    var count: Int { entries.count }

    /// The identifier of a live object; the handle given last answers for it.
    func identifier(of object: any LiveObject) -> Int64 {
        let key = Key(type: object.type.name, identity: object.identity)
        if let known = identifiers[key] {
            entries[known]?.entry = .live(object)
            return known
        }
        let new = add(.live(object), key)
        identifiers[key] = new
        return new
    }

    func identifier(of value: any OpaqueValue) -> Int64 {
        if let failure = value as? ScriptFailure { return identifier(of: failure) }
        return add(.opaque(value), nil)
    }

    func identifier(of failure: ScriptFailure) -> Int64 {
        let key = Key(type: "", identity: "\(ObjectIdentifier(failure))")
        if let known = identifiers[key] { return known }
        let new = add(.failure(failure), key)
        identifiers[key] = new
        return new
    }

    private func add(_ entry: Entry, _ key: Key?) -> Int64 {
        last += 1
        entries[last] = (entry, key, 0)
        return last
    }

    /// Lua made (1) or collected (-1) a userdata for the object. An object without one is kept until `sweep`, because a reply on its
    /// way to Lua may name it.
    func change(_ identifier: Int64, by delta: Int) {
        guard let count = entries[identifier]?.count else { return }
        entries[identifier]?.count = count + delta
        if count + delta <= 0 { abandoned.append(identifier) }
    }

    /// Forgets what Lua holds no more. Not while a reply is being pushed.
    func sweep() {
        guard !abandoned.isEmpty else { return }
        for identifier in abandoned {
            guard let entry = entries[identifier], entry.count <= 0 else { continue }
            entries[identifier] = nil
            if let key = entry.key { identifiers[key] = nil }
        }
        abandoned.removeAll(keepingCapacity: true)
    }
}
