import CHost
import Network
import Persistence
import WorkerProtocol

/// A worker's connection for one port. Touched only by the switch's main thread.
final class PortPeer {
    let socket: OpenFile
    var reader: PortMessageReader
    /// The engine's number of the port; nil until its settings came.
    var number: Int?
    var isOver = false

    init(_ socket: OpenFile) {
        self.socket = socket
        reader = PortMessageReader(socket: socket.descriptor)
    }

    /// Says whether the settings hold. An answer that does not fit into the socket ends the connection: the worker does not listen.
    func answer(_ error: TransportedError?, descriptors: [Int32] = []) {
        guard let bytes = try? PortChannel.encode(PortAnswer(error: error?.message)),
            lv_send(socket.descriptor, bytes, bytes.count, descriptors, Int32(descriptors.count)) == bytes.count
        else {
            isOver = true
            return
        }
    }
}
