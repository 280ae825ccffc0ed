import Basics

/// Changes a running VM's configuration as a whole or not at all. What may change without power off is applied to the machine before it is
/// written; anything else is the error `InvalidState`, which names the setting.
///
/// The handover holds what the new configuration has and the old one had not: images of drives that are added or whose medium changes, and
/// folders of switches that adapters are newly connected to.
package struct ConfigureRequest: WorkerRequest {
    package typealias Reply = Done
    package static let name = "configure"
    /// A configuration document (Persistence owns its form), without the VM's past: a thousand checkpoints fit into no frame, and clients
    /// change little of them.
    package var document: String
    /// What changes of the past; nil: the VM has none.
    package var past: PastChange?
    /// nil: nothing is handed over.
    package var handover: DeviceHandover?

    package init(document: String, past: PastChange? = nil, handover: DeviceHandover? = nil) {
        (self.document, self.past, self.handover) = (document, past, handover)
    }

    /// How many descriptors come with the request.
    package var descriptorCount: Int { handover?.descriptorCount ?? 0 }
}

/// What a client changes of a VM's past.
package struct PastChange: Codable, Equatable, Sendable {
    /// New names of checkpoints.
    package var names: [GUID: String]
    /// Images that other VMs' disks stand on, and those that the user took; both as they shall be.
    package var shared: [String]?
    package var detached: [String]?

    package init(names: [GUID: String] = [:], shared: [String]? = nil, detached: [String]? = nil) {
        (self.names, self.shared, self.detached) = (names, shared, detached)
    }
}
