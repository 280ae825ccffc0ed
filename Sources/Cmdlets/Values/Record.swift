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
