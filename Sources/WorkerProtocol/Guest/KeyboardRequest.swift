/// Types on the synthetic keyboard. Answered when the keys are on their way; a guest that is not ready yet gets them when it is. Errors:
/// `KeyboardRefused` (a character is on no key, or the guest reads too slowly).
package struct KeyboardRequest: WorkerRequest {
    package typealias Reply = Done
    package static let name = "keyboard"
    /// Text for a US keyboard.
    package var text: String?
    /// Bytes of scan code set 1, after the text.
    package var scanCodes: [UInt8]?
    package init(text: String? = nil, scanCodes: [UInt8]? = nil) { (self.text, self.scanCodes) = (text, scanCodes) }
}
