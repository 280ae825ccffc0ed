import Glibc
import SwitchHost

/// Makes the tests' own executable a switch when it is started with the word `switch`, as `lunavisor` is: `SwitchStarter.process` starts
/// /proc/self/exe. The C library calls what stands in `.init_array` with the arguments before anything of the tests runs.
@section(".init_array") @used
private let becomeSwitch:
    @convention(c) (Int32, UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> Void =
        { count, words, _ in
            guard count == 4, let words, let word = words[1], let name = words[2], let options = words[3], strcmp(word, "switch") == 0
            else { return }
            exit(SwitchMain.run(arguments: [String(cString: name), String(cString: options)]))
        }
