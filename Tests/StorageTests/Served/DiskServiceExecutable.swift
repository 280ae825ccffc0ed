import CHost
import Glibc
import Storage

/// Makes the tests' own executable a disk's service when it is started with the word `disk-service`, as `lunavisor` is. The C library
/// calls what stands in `.init_array` with the arguments before anything of the tests runs. Two names are services that are none.
@section(".init_array") @used
private let becomeService:
    @convention(c) (Int32, UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> Void =
        { count, words, _ in
            guard count == 4, let words, let word = words[1], let name = words[2], let options = words[3],
                strcmp(word, "disk-service") == 0
            else { return }
            switch String(cString: name) {
            case "older.raw":
                let hello = Array(#"{"version":"lunavisor 0.0.9, disk service 1"}"#.utf8)
                _ = lv_message_send(3, hello, hello.count)
                exit(0)
            case "mute.raw":
                var bytes: [UInt8] = [0]
                _ = lv_message_receive(3, &bytes, 1, 1)
                exit(0)
            default: exit(DiskService.run(arguments: [String(cString: name), String(cString: options)]))
            }
        }
