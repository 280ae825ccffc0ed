import Basics

/// Makes tables and lists of objects, with chosen properties or the type's view.
struct ObjectText {
    var properties: [CalculatedProperty]?
    var showsHeader = true
    let width: Int?
    var usesColours = false

    /// Objects of one type as a table; nil chooses the view's columns, else the properties of the first object.
    func table(_ objects: [(value: Value, snapshot: Record?)]) throws -> String {
        if properties == nil, let name = objects.first.map({ $0.value.typeName }), let view = ViewCatalogue.view(of: name) {
            return TableText(
                columns: view.columns.map { .init(label: $0.label, isRightAligned: $0.isRightAligned, isState: $0.isState) },
                rows: objects.map { object in view.columns.map { $0.cell(object.snapshot ?? Record()) } }, showsHeader: showsHeader,
                usesColours: usesColours
            ).render(width: width)
        }
        let chosen = chosenProperties(objects)
        let cells = try objects.map { object in try chosen.map { try $0.evaluate(object.value, snapshot: object.snapshot) } }
        func text(_ row: [Value]) -> [String] {
            zip(row, chosen).map { value, property in property.format.map { NumberFormat.text(value, $0) } ?? CellText.text(value) }
        }
        let columns = chosen.indices.map { column in
            TableText.Column(
                label: chosen[column].label, isRightAligned: chosen[column].isRightAligned ?? isNumeric(cells.map { $0[column] }),
                width: chosen[column].width, isState: chosen[column].label.lowercased() == "state")
        }
        return TableText(
            columns: columns, rows: cells.map(text), showsHeader: showsHeader, usesColours: usesColours
        ).render(width: width)
    }

    /// Objects as lists of their properties.
    func list(_ objects: [(value: Value, snapshot: Record?)]) throws -> String {
        let blocks = try objects.map { object in
            try chosenProperties([object]).map { property in
                let value = try property.evaluate(object.value, snapshot: object.snapshot)
                return (property.label, property.format.map { NumberFormat.text(value, $0) } ?? CellText.text(value))
            }
        }
        return ListText(objects: blocks).render(width: width)
    }

    private func chosenProperties(_ objects: [(value: Value, snapshot: Record?)]) -> [CalculatedProperty] {
        guard let first = objects.first else { return properties ?? [] }
        if let properties { return properties.flatMap { $0.expanded(for: first.value) } }
        if case .record = first.value {
            var names: [String] = []
            for object in objects {
                for field in object.snapshot?.fields ?? [] where !names.contains(where: { $0.lowercased() == field.name.lowercased() }) {
                    names.append(field.name)
                }
            }
            return names.map { CalculatedProperty(name: $0) }
        }
        return PropertyReader.names(of: first.value).map { CalculatedProperty(name: $0) }
    }

    private func isNumeric(_ values: [Value]) -> Bool {
        let present = values.filter { !$0.isNull }
        return !present.isEmpty && present.allSatisfy { $0.numberValue != nil }
    }
}
