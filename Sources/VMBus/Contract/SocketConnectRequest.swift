import Basics

/// A guest wants to connect to a socket service of the host.
package struct SocketConnectRequest: Sendable {
    /// The guest's end; the host's offer names it as its interface instance.
    package let endpoint: GUID
    package let service: GUID
    private let reply: @Sendable (UInt32) -> Void

    init(endpoint: GUID, service: GUID, reply: @escaping @Sendable (UInt32) -> Void) {
        (self.endpoint, self.service, self.reply) = (endpoint, service, reply)
    }

    /// 0: the device stands on the bus (added before). Else an NTSTATUS that the guest is told.
    package func answer(status: UInt32) { reply(status) }

    /// Nobody serves this.
    package func refuse() { reply(VMBusProtocol.connectionRefused) }
}
