import Basics

/// Shows the results of one statement in the session's output format: consecutive objects of one view share a header.
public final class Display {
    private let sink: any TextSink
    private let format: OutputFormat
    private var pending: [Value] = []
    private var csvHeader: [String] = []

    public init(_ context: any ExecutionContext) { (sink, format) = (TerminalSink(context.terminal), context.outputFormat) }

    init(terminal: TextCollector, format: OutputFormat) { (sink, self.format) = (terminal, format) }

    /// Takes one result; text goes out at once, objects wait for what belongs to their table.
    public func show(_ value: Value) throws {
        guard !value.isNull else { return }
        guard format != .json else {
            pending.append(value)
            return
        }
        if case .list(let values) = value {
            for value in values { try show(value) }
            return
        }
        if let last = pending.last, group(of: last) != group(of: value) { try flush() }
        if group(of: value) == nil {
            if case .opaque(let opaque) = value, let formatted = opaque as? FormattedText {
                sink.write(formatted.text)
            } else if format == .csv {
                sink.write(CSVText.line([value.text]))
            } else {
                sink.write(plainText(value) + "\n")
            }
        } else {
            pending.append(value)
        }
    }

    /// Ends the statement. JSON writes one line, an array exactly when the shape is many.
    public func finish(shape: ResultShape = .many) throws {
        guard format == .json else { return try flush() }
        defer { pending = [] }
        if shape == .nothing, pending.isEmpty { return }
        let result = PipelineResult(values: pending, shape: shape == .nothing ? .many : shape)
        sink.write(try JSONText.encode(result.value) + "\n")
    }

    /// Shows a finished statement's result.
    public static func show(result: PipelineResult, _ context: any ExecutionContext) throws {
        let display = Display(context)
        for value in result.values { try display.show(value) }
        try display.finish(shape: result.shape)
    }

    private func plainText(_ value: Value) -> String {
        switch value {
        case .boolean(let flag): flag ? "True" : "False"
        default: CellText.escapingControls(value.text)
        }
    }

    /// What shares a header; nil: shown as text.
    private func group(of value: Value) -> String? {
        switch value {
        case .object(let object): object.type.name
        case .record(let record): record.typeName ?? "\n" + record.fields.map { $0.name.lowercased() }.joined(separator: "\n")
        default: nil
        }
    }

    private func flush() throws {
        guard let first = pending.first else { return }
        let values = pending
        pending = []
        let objects = Array(zip(values, try PropertyReader.snapshots(of: values)))
        let text = ObjectText(properties: nil, width: sink.width, usesColours: sink.usesColours)
        let pairs = objects.map { (value: $0.0, snapshot: $0.1) }
        switch format {
        case .csv:
            let names = PropertyReader.names(of: first)
            if names != csvHeader {
                csvHeader = names
                sink.write(CSVText.line(names))
            }
            for pair in pairs { sink.write(CSVText.line(names.map { (pair.snapshot?[$0] ?? .null).text })) }
        case .list: sink.write(try text.list(pairs) + "\n")
        default:
            let isTable = ViewCatalogue.view(of: first.typeName) != nil || PropertyReader.names(of: first).count <= 4
            sink.write(try (isTable ? text.table(pairs) : text.list(pairs)) + "\n")
        }
    }
}
