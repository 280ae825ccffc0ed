/// A timer service for devices: their actions run under the machine lock, as their register accesses do.
package final class LockedTimers: TimerService {
    private let base: any TimerService
    private let bus: DeviceBus

    package init(_ base: any TimerService, bus: DeviceBus) { (self.base, self.bus) = (base, bus) }

    package var clock: any PartitionClock { base.clock }

    package func makeTimer(name: String, action: @escaping () -> Void) -> any PartitionTimer {
        base.makeTimer(name: name) { [bus] in bus.withLock(action) }
    }
}
