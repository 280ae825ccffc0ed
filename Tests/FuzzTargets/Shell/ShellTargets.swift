import Basics
import Cmdlets
import Shell

/// What somebody types, pipes in or has in a file: programs, arguments, JSON and CSV texts.
let shellTargets: [FuzzTarget] = [.translator, .binder, .jsonText, .csvText]

extension FuzzTarget {
    /// A program as the translator sees it: it refuses or translates, and keeps the lines.
    static let translator = FuzzTarget(
        "translator", "a program", maximumLength: 4096,
        seeds: {
            [
                "Get-VM | Where-Object { $_.State -eq 'Off' } | Select-Object Name, @{ n = 'MB'; e = { $_.X / 1MB } }\n",
                "local vm = New-VM{ Name = \"web$i\", MemoryStartupBytes = 512MB }\nif not (Get-VM a -EA 0) then end",
                "Start-Job { local x = $using:n; Start-Job { $using:x } } -Name \"a $(1 + 2) ${b}\" -ErrorVariable +e `\n  @p",
                "for v in $vms do Stop-VM $v.Name, $d.AddDays(-7) -Confirm:$false end -- c\n#Requires x\n[[ a ]]",
                "goto a ::a:: repeat local z <close> = nil until z -- ]]\nx = a-b | c",
            ].map { Array($0.utf8) }
        },
        run: { bytes in
            var translator = Translator.forCatalogue()
            for isInteractive in [false, true] {
                translator.isInteractive = isInteractive
                guard let translation = try? translator.translate(bytes) else { continue }
                promise(translation.text.count { $0 == 10 } == bytes.count { $0 == 10 }, "the number of lines is kept")
            }
        })

    /// Arguments as they are written, for a cmdlet that a byte chooses: bound or refused.
    static let binder = FuzzTarget(
        "binder", "which cmdlet, then its arguments", maximumLength: 1024,
        seeds: { [[0, 1, 3, 65, 66, 67, 2, 1, 65], [40, 4, 0, 9, 1, 3, 49, 50, 51], [200, 3, 5, 1, 1, 1, 1]] },
        run: { ArgumentCase.run($0) })

    static let jsonText = FuzzTarget(
        "json-text", "a text for ConvertFrom-Json", maximumLength: 8192,
        seeds: { [#"{"a":[1,2.5e3,-0,"x\u0041\ud83d\ude00\n",null,true,{"b":{}}],"A":"c"}"#, "[[[[]]]]", "\"\\u"].map { Array($0.utf8) } },
        run: { bytes in
            let context = FuzzContext()
            guard let value = try? context.call("ConvertFrom-Json", [], String(decoding: bytes, as: UTF8.self)) else { return }
            guard let text = try? JSONText.encode(value, depth: 100) else { return }
            guard let again = try? context.call("ConvertFrom-Json", [], text) else {
                // What is nested deeper than -Depth opens is written as text, which is JSON all the same.
                return promise(false, "what was written can be read")
            }
            promise((try? JSONText.encode(again, depth: 100)) == text, "there and back is the same")
        })

    static let csvText = FuzzTarget(
        "csv-text", "a delimiter, then a text for ConvertFrom-Csv", maximumLength: 8192,
        seeds: { [",a,b\n1,\"x\"\"y\nz\"\n", ";a;b\r\n;\r\n", ",#TYPE X\n\"\"\n"].map { Array($0.utf8) } },
        run: { bytes in
            let context = FuzzContext()
            let delimiter = RawArgument.named("Delimiter", .string(String(decoding: bytes.prefix(1), as: UTF8.self)))
            let text = String(decoding: bytes.dropFirst(), as: UTF8.self)
            guard let rows = try? context.call("ConvertFrom-Csv", [delimiter], text), !rows.elements.isEmpty else { return }
            let written = try? Pipeline.run([CommandCall("ConvertTo-Csv", [delimiter])], input: .many(rows.elements), context: context)
            promise(written?.values.isEmpty == false, "what was read can be written")
        })
}

/// Makes arguments of bytes and binds them. The cmdlets themselves do not run: their bodies are replaced.
private enum ArgumentCase {
    static let cmdlets: [Cmdlet] = Catalogue.builtIn.map { cmdlet in
        var cmdlet = cmdlet
        switch cmdlet.body {
        case .perCall, .gathered, .streaming: cmdlet.body = .perCall { try $0.emit(.string($0.parameterSet)) }
        case .perTarget(let parameters, _): cmdlet.body = .perTarget(parameters: parameters) { _, _ in }
        }
        return cmdlet
    }

    static func run(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let cmdlet = cmdlets[Int(input.byte()) % cmdlets.count]
        let context = FuzzContext(cmdlets)
        var arguments: [RawArgument] = []
        for _ in 0..<input.choice(8) {
            let known = cmdlet.allParameters
            let name: String? =
                switch input.choice(4) {
                case 0: nil
                case 1: String(decoding: input.take(input.choice(12)), as: UTF8.self)
                default: known.isEmpty ? nil : String(known[input.choice(known.count)].name.prefix(1 + input.choice(20)))
                }
            let content: RawArgument.Content =
                switch input.choice(5) {
                case 0: .unattached
                case 1: .missing(variable: "x", nearest: nil)
                case 2: .word(String(decoding: input.take(input.choice(16)), as: UTF8.self))
                default: .value(value(&input, 0))
                }
            if name == nil, case .unattached = content { continue }
            arguments.append(RawArgument(name: name, content))
        }
        let piped: PipelineInput =
            switch input.choice(3) {
            case 0: .none
            case 1: .one(value(&input, 0))
            default: .many((0..<input.choice(4)).map { _ in value(&input, 0) })
            }
        _ = try? Pipeline.run([CommandCall(cmdlet.name, arguments)], input: piped, context: context)
    }

    private static func value(_ input: inout FuzzInput, _ depth: Int) -> Value {
        switch input.choice(depth > 3 ? 7 : 9) {
        case 0: return .null
        case 1: return .boolean(input.flag())
        case 2: return .integer(Int64(bitPattern: UInt64(input.interesting())) << Int64(input.choice(33)))
        case 3: return .number(Double(bitPattern: input.number()))
        case 4: return .duration(TimeSpan(ticks: input.number()))
        case 5: return .time(Timestamp(unixNanoseconds: input.number()))
        case 6: return .string(String(decoding: input.take(input.choice(24)), as: UTF8.self))
        case 7: return .list((0..<input.choice(4)).map { _ in value(&input, depth + 1) })
        default:
            return .record(
                Record((0..<input.choice(4)).map { _ in (String(decoding: input.take(4), as: UTF8.self), value(&input, depth + 1)) }))
        }
    }
}
