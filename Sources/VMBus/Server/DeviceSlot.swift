import Basics
import DeviceModel

/// A device's place on the bus: what it may ask of it, its channels and the guest memory lent to it.
final class DeviceSlot: VMBusDeviceHost, @unchecked Sendable {
    /// nil when it is off the bus: devices and their places hold each other until then.
    var device: (any VMBusDevice)? { lock.withLock { holder } }
    let instance: GUID
    let dispatcher: PumpDispatcher
    let memory: GuestMemory
    let processorCount: Int
    /// The server owns its slots.
    private weak var server: VMBusServer?

    // Safety: under `lock`; written by the control plane, read by the device.
    private let lock = HostLock()
    private var holder: (any VMBusDevice)?
    private var buffers: [UInt32: (relid: UInt32, isPrimary: Bool, buffer: GuestBuffer)] = [:]
    private var negotiated: UInt32 = 0

    init(device: any VMBusDevice, dispatcher: PumpDispatcher, server: VMBusServer) {
        (holder, self.dispatcher, self.server) = (device, dispatcher, server)
        instance = device.offer.interfaceInstance
        (memory, processorCount) = (server.memory, server.processorCount)
    }

    func offerSubChannels(_ count: Int) { server?.offerSubChannels(of: instance, count: count) }
    func rescind() { if let device { server?.remove(device) } }

    /// The device is off the bus, or the bus is no more.
    func release() {
        // Its end, if this was the last to hold it, comes after the lock.
        let former = lock.withLock {
            defer { holder = nil }
            return holder
        }
        withExtendedLifetime(former) {}
    }

    var version: UInt32 { lock.withLock { negotiated } }

    func setVersion(_ version: UInt32) { lock.withLock { negotiated = version } }
    func note(_ text: String) { server?.note(text) }

    func establish(_ gpadl: GPADLState, isPrimary: Bool) {
        let buffer = GuestBuffer(gpadl: gpadl.id, pages: gpadl.pages, firstOffset: gpadl.offset, count: gpadl.count, memory: memory)
        lock.withLock { buffers[gpadl.id] = (gpadl.relid, isPrimary, buffer) }
    }

    func forget(gpadl: UInt32) { lock.withLock { buffers[gpadl] = nil } }

    /// Sub-channels may use what was lent through their primary.
    func buffer(gpadl: UInt32, relid: UInt32) -> GuestBuffer? {
        lock.withLock {
            guard let entry = buffers[gpadl], entry.relid == relid || entry.isPrimary else { return nil }
            return entry.buffer
        }
    }
}
