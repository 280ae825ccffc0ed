/// Changes a running VM's configuration as a whole or not at all. What may change without power off is applied to the machine before it is
/// written; anything else is the error `InvalidState`, which names the setting.
///
/// The handover holds what the new configuration has and the old one had not: images of drives that are added or whose medium changes, and
/// folders of switches that adapters are newly connected to.
package struct ConfigureRequest: WorkerRequest {
    package typealias Reply = Done
    package static let name = "configure"
    /// A configuration document (Persistence owns its form).
    package var document: String
    /// nil: nothing is handed over.
    package var handover: DeviceHandover?

    package init(document: String, handover: DeviceHandover? = nil) { (self.document, self.handover) = (document, handover) }

    /// How many descriptors come with the request.
    package var descriptorCount: Int { handover?.descriptorCount ?? 0 }
}
