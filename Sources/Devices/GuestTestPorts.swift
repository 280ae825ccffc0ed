import DeviceModel

/// Ports for our own guest programs, only in a test machine: 0xE9 prints a byte, 0xF4 ends the program with an exit code.
package final class GuestTestPorts {
    package static let consolePort: UInt16 = 0xe9, exitPort: UInt16 = 0xf4

    /// 0xE9. Reads answer 0xE9, as in Bochs, so that a program can look for it.
    package let console: any PortDevice
    /// 0xF4.
    package let exit: any PortDevice

    /// Both closures are called under the machine lock, on the VP's thread.
    package init(print: @escaping (UInt8) -> Void, exit: @escaping (UInt32) -> Void) {
        console = Port(answer: 0xe9) { print(UInt8(truncatingIfNeeded: $0)) }
        self.exit = Port(answer: 0, write: exit)
    }

    private final class Port: PortDevice {
        let answer: UInt32
        let write: (UInt32) -> Void
        init(answer: UInt32, write: @escaping (UInt32) -> Void) { (self.answer, self.write) = (answer, write) }
        func readPort(_ offset: UInt16, size: Int) -> UInt32 { answer }
        func writePort(_ offset: UInt16, size: Int, value: UInt32) { write(value) }
    }
}
