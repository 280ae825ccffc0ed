/// How objects of one type are shown: the columns of their table.
public struct View: Sendable {
    public struct Column: Sendable {
        public var label: String
        public var isRightAligned: Bool
        /// The cell's text from the object's properties.
        public var cell: @Sendable (Record) -> String
        /// The cell tells a state, which a terminal shows in its colour.
        public var isState = false

        public init(_ label: String, right: Bool = false, _ cell: @escaping @Sendable (Record) -> String) {
            (self.label, self.isRightAligned, self.cell) = (label, right, cell)
        }

        /// A property under its own name.
        public static func property(_ name: String, label: String? = nil, right: Bool = false) -> Column {
            Column(label ?? name, right: right) { CellText.text($0[name] ?? .null) }
        }

        /// A property that is a state.
        public static func state(_ name: String) -> Column {
            var column = property(name)
            column.isState = true
            return column
        }

        /// A property in bytes, shown in whole mebibytes, as the module's `(M)` columns are.
        public static func mebibytes(_ name: String, label: String) -> Column {
            Column(label, right: true) { record in
                (record[name]?.integerValue).map { String($0 >> 20) } ?? ""
            }
        }
    }

    public var typeName: String
    public var columns: [Column]

    public init(_ typeName: String, _ columns: [Column]) { (self.typeName, self.columns) = (typeName, columns) }
}
