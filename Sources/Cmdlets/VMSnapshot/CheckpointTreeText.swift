import Basics
import Persistence

/// The checkpoints of a virtual machine as a drawing:
///
/// ```
/// web01
/// └─ installed  (2026-11-28 10:00)
///    ├─ before the update
///    └─ updated
///       └─ now
/// ```
enum CheckpointTreeText {
    static func lines(of configuration: VirtualMachineConfiguration) -> [String] {
        var lines = [configuration.name]
        append(below: nil, of: configuration, indent: "", depth: 0, to: &lines)
        return lines
    }

    private static func append(
        below parent: GUID?, of configuration: VirtualMachineConfiguration, indent: String, depth: Int, to lines: inout [String]
    ) {
        // A document may say that a checkpoint is its own ancestor.
        guard depth <= configuration.checkpoints.count else { return }
        let children = configuration.children(of: parent)
        let isPresentHere = configuration.past?.current == parent
        for (index, child) in children.enumerated() {
            let isLast = index == children.count - 1 && !isPresentHere
            let kind = child.kind == .production ? ", production" : child.memory == nil ? "" : ", with memory"
            lines.append("\(indent)\(isLast ? "└─ " : "├─ ")\(child.name)  (\(Timestamp(unixNanoseconds: child.creationTime))\(kind))")
            append(below: child.id, of: configuration, indent: indent + (isLast ? "   " : "│  "), depth: depth + 1, to: &lines)
        }
        if isPresentHere { lines.append("\(indent)└─ now") }
    }
}
