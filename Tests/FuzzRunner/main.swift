// One fuzz target under libFuzzer (https://llvm.org/docs/LibFuzzer.html). Scripts/fuzz builds and starts it.
//
//     fuzz --list             the targets' names and what their bytes are
//     fuzz --seeds FOLDER     writes the target's first cases into FOLDER
//     fuzz [OPTIONS] [CASES]  libFuzzer's own options; CASES are files to run once, or folders to begin from
//
// The target's name is in LUNAVISOR_FUZZ_TARGET: libFuzzer starts this program again with options of its own.
import FuzzTargets
import Glibc

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

private let target = getenv("LUNAVISOR_FUZZ_TARGET").flatMap { name in FuzzTarget.all.first { $0.name == String(cString: name) } }

/// What libFuzzer calls for each case.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    target?.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
    return 0
}

private func writeSeeds(of target: FuzzTarget, into folder: String) -> Int32 {
    for (number, seed) in target.seeds().enumerated() {
        let file = open("\(folder)/seed-\(number)", O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        guard file >= 0 else {
            perror(folder)
            return 1
        }
        _ = write(file, seed, seed.count)
        close(file)
    }
    return 0
}

let words = CommandLine.arguments.dropFirst()
if words.first == "--list" {
    for target in FuzzTarget.all {
        print("\(target.name)\(String(repeating: " ", count: max(1, 24 - target.name.count)))\(target.maximumLength)\t\(target.summary)")
    }
    exit(0)
}
guard let target else {
    let text = Array("fuzz: set LUNAVISOR_FUZZ_TARGET to a name that --list knows\n".utf8)
    _ = write(2, text, text.count)
    exit(2)
}
if words.first == "--seeds", words.count == 2 { exit(writeSeeds(of: target, into: words[2])) }
var count = CommandLine.argc
var arguments = CommandLine.unsafeArgv
exit(runDriver(&count, &arguments, testOneInput))
