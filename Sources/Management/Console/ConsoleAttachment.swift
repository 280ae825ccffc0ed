import Glibc
import Persistence
import Synchronization

/// A console joined to a descriptor: what is read from it the guest printed, what is written to it the guest reads.
public final class ConsoleAttachment: Sendable {
    private let file: Mutex<OpenFile?>
    /// A non-blocking stream socket for poll(2); its end means that the VM has stopped. Valid until `close`.
    public let descriptor: Int32

    init(_ file: OpenFile) {
        descriptor = file.descriptor
        self.file = Mutex(file)
    }

    public func close() { file.withLock { $0 = nil } }
}
