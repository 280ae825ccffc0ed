import Basics
import CHost
import Glibc

/// How a switch's process comes to be, when a port finds none.
package struct SwitchStarter: Sendable {
    /// Starts a switch for the folder; the lock's descriptor, which holds `switch.lock`, goes to it. 0 or an errno.
    package let start: @Sendable (_ folder: Int32, _ lock: Int32) -> Int32

    package init(_ start: @escaping @Sendable (_ folder: Int32, _ lock: Int32) -> Int32) { self.start = start }

    /// This same executable, detached: `lunavisor switch FOLDER JSON`.
    package static let process = SwitchStarter { folder, lock in
        let log = openat(folder, PortChannel.logName, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard log >= 0 else { return errno }
        defer { close(log) }
        var status = stat()
        if fstat(log, &status) == 0, status.st_size > 1 << 20 { ftruncate(log, 0) }
        // CHost hands descriptors over as 3, 4 … in the order given.
        let words = ["lunavisor", "switch", folderName(folder), #"{"folder":3,"lock":4}"#]
        let arguments = words.map { strdup($0) }
        defer { for argument in arguments { free(argument) } }
        let process = lv_spawn_detached("/proc/self/exe", arguments + [nil], [folder, lock], 2, log)
        guard process > 0 else { return -process }
        // It is no child to wait for: whoever is its parent collects it, here a thread that does nothing else.
        collect(process)
        return 0
    }

    /// The folder's last path component, for the process list.
    private static func folderName(_ folder: Int32) -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/fd/\(folder)", &buffer, buffer.count)
        guard count > 0 else { return "switch" }
        let path = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return path.split(separator: "/").last.map(String.init) ?? "switch"
    }

    private static func collect(_ process: pid_t) {
        HostThread.startDetached(name: "switch", stackSize: 512 << 10) { waitpid(process, nil, 0) }
    }
}
