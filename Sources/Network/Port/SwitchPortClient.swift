import CHost
import Glibc
import Synchronization

/// A worker's end of an adapter's port. It connects, starts the switch where nobody else does, and reconnects when the switch dies, on a
/// thread of its own; the adapter's pump only ever touches memory.
///
/// The link is down until the first connection. A switch that is gone for less than three seconds does not show: what is sent meanwhile is
/// lost, as on a busy wire. After three seconds the link goes down until the port is connected again.
package final class SwitchPortClient: NetworkPort, @unchecked Sendable {
    // The pump's thread alone touches these two.
    private var current: PortEnd?
    private var generation = 0

    private let connection: PortConnection
    /// Readable when the switch signals, or the connection changed.
    package let descriptor: Int32

    /// Takes the folder's descriptor over. Throws when the system has no descriptors or threads left, or the settings cannot be.
    package init(folderDescriptor: Int32, settings: PortSettings, start: SwitchStarter = .process) throws {
        do {
            try settings.check()
            connection = try PortConnection(folder: folderDescriptor, settings: settings, starter: start)
        } catch {
            Glibc.close(folderDescriptor)
            throw error
        }
        descriptor = connection.signalReader
        guard connection.begin() else { throw NetworkError.system(EAGAIN, "start a thread for a port") }
    }

    deinit { connection.stop() }

    /// New settings, at once or with the next connection. Any thread.
    package func configure(_ settings: PortSettings) { connection.configure(settings) }

    /// Leaves the switch. Any thread.
    package func close() { connection.stop() }

    /// Why there is no connection just now; nil when there is one. Any thread.
    package var failure: String? { connection.failure }

    package var isLinkUp: Bool { connection.isLinkUp.load(ordering: .acquiring) }

    package func send(_ header: FrameHeader, _ segments: UnsafeBufferPointer<iovec>) -> Bool {
        refresh()
        guard let current else { return true }
        let taken = current.send(header, segments)
        if current.isBroken { lose() }
        return taken
    }

    package func receive(_ body: (FrameHeader, UnsafeRawBufferPointer) -> Bool) -> Bool? {
        refresh()
        guard let current else { return nil }
        let taken = current.receive(body)
        if current.isBroken { lose() }
        return taken
    }

    package func flush() { current?.flush() }

    package func acknowledge() {
        lv_signal_take(descriptor)
        refresh()
    }

    /// Goes over to a new connection's memory; one load when there is none.
    private func refresh() {
        guard connection.generation.load(ordering: .relaxed) != generation, let new = connection.newEnd(after: &generation) else { return }
        current = new.end
    }

    /// The switch broke the rings' rules: as good as dead.
    private func lose() {
        current = nil
        connection.reconnect()
    }
}
