import DeviceModel
import VMBus

/// One machine's integration services and its keyboard, on one pump. What is disabled is not offered, but keeps its place here.
package final class IntegrationServices {
    package let shutdown: ShutdownService
    package let heartbeat: HeartbeatService
    package let timeSynchronization: TimeSynchronizationService
    package let keyValueExchange: KeyValueExchangeService
    package let vss: VSSService
    package let fileCopy: GuestFileCopyService
    package let keyboard: SyntheticKeyboard

    /// - Parameter wallClock: the machine's, read in the pump's context.
    package init(pump: any ServicePump, wallClock: any WallClock) {
        shutdown = ShutdownService(pump: pump)
        heartbeat = HeartbeatService(pump: pump)
        timeSynchronization = TimeSynchronizationService(pump: pump, wallClock: wallClock)
        keyValueExchange = KeyValueExchangeService(pump: pump)
        vss = VSSService(pump: pump)
        fileCopy = GuestFileCopyService(pump: pump)
        keyboard = SyntheticKeyboard(pump: pump)
    }

    /// The six that Get-VMIntegrationService lists, in its order.
    package var integrationDevices: [IntegrationDevice] { [fileCopy, heartbeat, keyValueExchange, shutdown, timeSynchronization, vss] }

    /// The device behind a name of Get-VMIntegrationService.
    package func device(named name: String) -> IntegrationDevice? { integrationDevices.first { $0.identity.name == name } }

    package var devices: [any VMBusDevice] { integrationDevices + [keyboard] }

    package var units: [any StatefulUnit] {
        [fileCopy, heartbeat, keyValueExchange, shutdown, timeSynchronization, vss, keyboard]
    }

    /// Ends all waiting requests; call it inside the pump when the machine ends.
    package func interrupt() { for device in integrationDevices { device.interrupt() } }
}
