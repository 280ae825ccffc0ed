import DeviceModel

/// The reset control register of the PCI chip sets (port 0xCF9): bit 2 rising resets the machine, bits 1 and 3 say how and are kept.
/// The FADT names it as ACPI's reset register with value 6.
package final class ResetPort: PortDevice, StatefulUnit {
    package static let port: UInt16 = 0xcf9
    package static let resetValue: UInt8 = 6

    package struct State: Codable, Sendable { var control: UInt8 = 0 }

    package let unitName = "reset"
    package static let stateVersion = 1
    private let reset: () -> Void
    private var state = State()

    /// `reset` is called under the machine lock, on the VP's thread.
    package init(reset: @escaping () -> Void) { self.reset = reset }

    package func readPort(_ offset: UInt16, size: Int) -> UInt32 { UInt32(state.control) }

    package func writePort(_ offset: UInt16, size: Int, value: UInt32) {
        let before = state.control
        state.control = UInt8(truncatingIfNeeded: value) & 0x0a
        if value & 4 != 0, before & 4 == 0 { reset() }
    }

    package func resetRegisters() { state = State() }
    package func saveState() throws(StateError) -> State { state }
    package func restoreState(_ state: State, version: Int) throws(StateError) { self.state = state }
}
