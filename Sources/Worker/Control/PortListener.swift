import CHost
import Glibc
import Persistence
import WorkerProtocol

/// A socket in the file system that leads to a COM port (Set-VMComPort -Path): whoever connects is a console of it.
final class PortListener: Sendable {
    let file: OpenFile
    private let folder: Folder
    private let name: String

    /// Makes the socket. What is there and is no socket, or one that somebody answers on, is left alone and an error.
    init(path: String) throws {
        guard let slash = path.lastIndex(of: "/") else { throw Self.refusal(path, "it is no absolute path") }
        name = String(path[path.index(after: slash)...])
        folder = try Folder(path: slash == path.startIndex ? "/" : String(path[..<slash]))
        var status = stat()
        if fstatat(folder.descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 {
            guard status.st_mode & S_IFMT == S_IFSOCK else { throw Self.refusal(path, "something else is there") }
            let answering = lv_socket_connect(folder.descriptor, name)
            guard answering < 0 else {
                Glibc.close(answering)
                throw Self.refusal(path, "another program listens there")
            }
        }
        let descriptor = lv_socket_listen(folder.descriptor, name, 4)
        guard descriptor >= 0 else { throw Self.refusal(path, SystemMessage.text(-descriptor)) }
        file = OpenFile(descriptor: descriptor, path: path)
    }

    /// Takes the socket out of the file system.
    func close() { try? folder.remove(name) }

    /// A connection that waits; nil: none.
    func accept() -> OpenFile? {
        let descriptor = lv_socket_accept(file.descriptor)
        return descriptor < 0 ? nil : OpenFile(descriptor: descriptor, path: "console")
    }

    private static func refusal(_ path: String, _ why: String) -> WorkerError {
        WorkerError(
            "ComPortPathInvalid", .invalidArgument, "No socket for the serial port can be made at “\(path)”: \(why).",
            action: "Name a path in a folder of yours where nothing is.", target: path)
    }
}

extension WorkerInstance {
    /// Makes the sockets of the COM ports that the new configuration has and the old one had not.
    func makeListeners(from old: VirtualMachineConfiguration?, to new: VirtualMachineConfiguration) throws -> [(Int, PortListener?)] {
        var made: [(Int, PortListener?)] = []
        do {
            for number in 1...2 where old?.comPortPaths?[number] != new.comPortPaths?[number] {
                made.append((number, try new.comPortPaths?[number].map { try PortListener(path: $0) }))
            }
        } catch {
            for (_, listener) in made { listener?.close() }
            throw error
        }
        return made
    }

    /// Gives the ports their sockets, on the server's thread.
    func use(_ listeners: [(Int, PortListener?)]) {
        guard !listeners.isEmpty else { return }
        server?.post { [self] _ in
            for (number, listener) in listeners { ports.withLock { $0.first { $0.number == number } }?.listen(listener) }
        }
    }
}
