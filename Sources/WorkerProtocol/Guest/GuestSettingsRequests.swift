import Basics

/// Changes the pairs that the host gives the guest through the key-value exchange. Answered when the guest has them. Errors:
/// `IntegrationServiceDisabled`, `IntegrationServiceMissing`, `GuestNotResponding`, `GuestRefused`.
package struct KeyValueRequest: WorkerRequest {
    package typealias Reply = Done
    package static let name = "keyValues"

    /// Keys have at most 254 UTF-16 units, values 1,022.
    package enum Change: Codable, Equatable, Sendable {
        case set(key: String, value: String)
        case remove(key: String)
    }
    package var changes: [Change]
    package init(_ changes: [Change]) { self.changes = changes }
}

/// Gives an adapter of the guest addresses through the key-value exchange (KVP_OP_SET_IP_INFO). The error `GuestRefused` carries the guest's
/// result code: a guest without a script that sets addresses answers HV_E_FAIL.
package struct IPConfigurationRequest: WorkerRequest {
    package typealias Reply = Done
    package static let name = "ipConfiguration"
    package var adapter: GUID
    package var configuration: IPConfiguration
    package init(adapter: GUID, _ configuration: IPConfiguration) { (self.adapter, self.configuration) = (adapter, configuration) }
}

/// Addresses for one of the guest's adapters.
public struct IPConfiguration: Codable, Equatable, Sendable {
    /// The guest shall ask DHCP; the lists are empty then.
    public var usesDHCP = false
    public var addresses: [String] = []
    /// A mask or prefix length for each address.
    public var subnets: [String] = []
    public var gateways: [String] = []
    public var nameServers: [String] = []
    public init() {}
}

/// Stops the guest's file systems through the VSS service for a moment of consistency, or lets them go on. Errors as `KeyValueRequest`.
package struct FreezeRequest: WorkerRequest {
    package typealias Reply = Done
    package static let name = "freeze"
    /// false: thaw.
    package var isFrozen: Bool
    /// Seconds of the VM's time after which a frozen guest thaws by itself; nil: 60.
    package var limitSeconds: Double?
    package init(isFrozen: Bool, limitSeconds: Double? = nil) { (self.isFrozen, self.limitSeconds) = (isFrozen, limitSeconds) }
}
