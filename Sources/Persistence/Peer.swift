import CHost
import Glibc

/// Who connected to a listening socket, as the kernel names it (unix(7), SO_PEERCRED).
package struct Peer {
    package let socket: OpenFile
    package let user: uid_t
    package let process: pid_t

    /// The next of those who wait; nil: nobody does. Only the same user's processes and the superuser's may connect, others are hung up on.
    package static func accepted(by listener: OpenFile) -> Peer? {
        while true {
            let descriptor = lv_socket_accept(listener.descriptor)
            guard descriptor >= 0 else { return nil }
            let socket = OpenFile(descriptor: descriptor, path: "a connection to \(listener.path)")
            var user: uid_t = 0
            var process: pid_t = 0
            guard lv_socket_peer(descriptor, &user, &process) == 0, user == geteuid() || user == 0 else { continue }
            return Peer(socket: socket, user: user, process: process)
        }
    }
}
