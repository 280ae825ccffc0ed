/// What a metered VM has used up to now; with `resets` counting then begins anew. The answer is a usage document (Persistence owns its
/// form); nil: the VM is not metered.
package struct MeteringRequest: WorkerRequest {
    package typealias Reply = Usage
    package static let name = "metering"
    package var resets: Bool
    package init(resets: Bool = false) { self.resets = resets }

    package struct Usage: Codable, Sendable {
        package var document: String?
        package init(document: String?) { self.document = document }
    }
}
