import Basics
import Glibc

extension Cmdlet {
    /// `Out-File`: what would be shown, into a file.
    static let outFile = Cmdlet(
        "Out", "File", synopsis: "Writes what would be shown to a file.",
        details: "Text is UTF-8 and never cut. The file is replaced unless -Append is given.",
        sets: [.init("Default", shape: .nothing)],
        parameters: [
            Parameter("FilePath", .path, "The file.", aliases: ["Path"], mandatory: true, position: 0, completion: .path),
            Parameter("Append", .switched, "Adds to the file."),
            Parameter("NoClobber", .switched, "Fails when the file is there already."),
            Parameter("NoNewline", .switched, "Does not end the last line."),
            Parameter("Force", .switched, "Also writes a file that is marked read-only."),
            Parameter("Width", .integer(20...100_000), "Columns to cut tables to; without it nothing is cut."), .inputObject,
        ],
        examples: [Example("Get-VM | Out-File machines.txt", "Keeps the table of virtual machines.")],
        shouldProcess: true, inputFirst: true,
        body: .all { invocation, values in
            let path = invocation.string("FilePath") ?? ""
            guard try invocation.shouldProcess(path, "Out-File") else { return }
            let collector = TextCollector(width: invocation.integer("Width").map { Int($0) })
            let display = Display(terminal: collector, format: .table)
            for value in values { try display.show(value) }
            try display.finish()
            var text = collector.text
            if invocation.isOn("NoNewline"), text.last == "\n" { text.removeLast() }
            if invocation.isOn("Force") { _ = chmod(path, 0o644) }
            try TextFile.write(
                text, to: path, isAppending: invocation.isOn("Append"), isNew: invocation.isOn("NoClobber"), cmdlet: "Out-File")
        })
}
