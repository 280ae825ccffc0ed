/// A message that waits for room in the guest's slot.
struct OutgoingMessage: Equatable, Sendable, Codable {
    var bytes: [UInt8]
    var target: MessageTarget
}
