/// What a worker grants each peer, and what both ends agree on.
package enum ProtocolLimits {
    /// Versions of the control protocol that this program speaks.
    package static let versions: ClosedRange<Int> = 1...1
    package static let largestFrame = 1 << 20
    package static let connections = 64
    /// Requests of one connection that may wait for their reply.
    package static let requests = 16
    /// Descriptors that may come with one request: the longest chain of images, and a port for each adapter.
    package static let descriptors = 80
    /// Bytes that may wait to be sent on one connection.
    package static let queuedBytes = 4 << 20
    /// Seconds within which a peer must have said hello.
    package static let helloSeconds = 5.0
    /// Bytes of console input that may wait in the worker for each port.
    package static let queuedInput = 64 << 10
    /// Largest piece of console text in one frame; base64 makes it a third larger.
    package static let consolePiece = 256 << 10
}
