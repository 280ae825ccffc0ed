import Basics
import Persistence
import WorkerProtocol

extension VirtualMachineHost {
    /// The switch's name now; nil when it is gone.
    public func switchName(id: GUID) -> String? { try? store()?.switchFolder(id)?.readConfiguration().name }

    /// Bytes that a meter of an adapter has counted; nil while the switch does not run or has no such meter.
    public func meteredBytes(switchId: GUID, adapter: GUID, _ rule: VirtualMachineConfiguration.AccessRule) throws -> UInt64? {
        let port = try virtualSwitch(id: switchId).ports().first { $0.adapterId == adapter }
        return port?.meters.first {
            ($0.direction, $0.localAddress, $0.remoteAddress) == (rule.direction, rule.localAddress, rule.remoteAddress)
        }?.bytes
    }
}
