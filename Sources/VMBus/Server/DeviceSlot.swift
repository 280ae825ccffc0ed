import Basics
import DeviceModel

/// A device's place on the bus: what it may ask of it, its channels and the guest memory lent to it.
final class DeviceSlot: VMBusDeviceHost, @unchecked Sendable {
    /// nil when it is off the bus: devices and their places hold each other until then. Belongs to the pump.
    private(set) var device: (any VMBusDevice)?
    let instance: GUID
    let dispatcher: PumpDispatcher
    let memory: GuestMemory
    let processorCount: Int
    /// Safety: the server owns its slots; broken by `detach`.
    private weak var server: VMBusServer?

    // Safety: under `lock`; written by the control plane, read by the device.
    private let lock = HostLock()
    private var buffers: [UInt32: (relid: UInt32, isPrimary: Bool, buffer: GuestBuffer)] = [:]
    private var negotiated: UInt32 = 0

    init(device: any VMBusDevice, dispatcher: PumpDispatcher, server: VMBusServer) {
        (self.device, self.dispatcher, self.server) = (device, dispatcher, server)
        instance = device.offer.interfaceInstance
        (memory, processorCount) = (server.memory, server.processorCount)
    }

    func offerSubChannels(_ count: Int) { server?.offerSubChannels(of: instance, count: count) }
    func rescind() { if let device { server?.remove(device) } }

    /// The device is off the bus.
    func release() { device = nil }

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
