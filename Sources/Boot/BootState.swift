/// Where a loader wants the bootstrap processor to begin: the registers that differ from INIT, as a plain value.
package struct BootState: Equatable, Sendable {
    package struct Segment: Equatable, Sendable {
        package var selector: UInt16
        /// Descriptor bytes 5 and 6 (bits 0-7 and 12-15).
        package var attributes: UInt16
        /// In bytes.
        package var limit: UInt32
        package var base: UInt64 = 0
    }

    package var instructionPointer: UInt64
    /// RAX RCX RDX RBX RSP RBP RSI RDI R8 … R15.
    package var general = [UInt64](repeating: 0, count: 16)
    package var flags: UInt64 = 2
    package var cr0: UInt64
    package var cr3: UInt64 = 0
    package var cr4: UInt64 = 0
    package var efer: UInt64 = 0
    package var code: Segment
    /// ES, SS, DS, FS and GS.
    package var data: Segment
    package var descriptorTableBase: UInt64 = 0
    package var descriptorTableLimit: UInt16 = 0

    init(instructionPointer: UInt64, cr0: UInt64, code: Segment, data: Segment) {
        (self.instructionPointer, self.cr0, self.code, self.data) = (instructionPointer, cr0, code, data)
    }
}
