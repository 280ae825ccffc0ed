import Network
import Persistence

extension PortVLAN {
    /// As the configuration describes it.
    init(_ vlan: VirtualMachineConfiguration.VLAN?) {
        switch vlan?.mode {
        case "Access": self = .access(vlan?.accessId ?? 0)
        case "Trunk": self = .trunk(native: vlan?.nativeId ?? 0, allowed: vlan?.allowedIds ?? [])
        default: self = .untagged
        }
    }
}
