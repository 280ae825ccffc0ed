/// What a VMBus server needs of the hypervisor: the worker fulfils it with the root partition's hypercalls.
package protocol VMBusTransport: AnyObject, Sendable {
    /// Posts a message (type 1, at most 240 bytes) to a VP's message slot. false: no buffer now; try again after the guest took some.
    func post(_ payload: [UInt8], processor: Int, source: Int) -> Bool
    /// Sets an event flag of a VP's source, with its interrupt.
    func signal(flag: Int, processor: Int, source: Int)
    /// The guest's HvCallSignalEvent on `connection` calls `action` from now on, on a VP's thread; it must not block. false: id taken.
    func openSignalPort(connection: UInt32, action: @escaping @Sendable () -> Void) -> Bool
    func closeSignalPort(connection: UInt32)
    /// Messages that the guest posts to `connection` (1 or 4) go to `action`, on a VP's thread; it must not block.
    /// false is told the guest as HV_STATUS_INSUFFICIENT_BUFFERS, and it tries again.
    func openMessagePort(connection: UInt32, action: @escaping @Sendable (_ payload: [UInt8], _ processor: Int) -> Bool) -> Bool
    func closeMessagePort(connection: UInt32)
    /// VPs of the partition.
    var processorCount: Int { get }
}
