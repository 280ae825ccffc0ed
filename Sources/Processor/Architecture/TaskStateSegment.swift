/// Offsets into task-state segments (AMD APM vol. 2, 12.2.4 and 12.2.5). Only what privilege changes and port checks need:
/// task switches are refused.
package enum TaskStateSegment {
    /// Offset of SPn in the 16-bit form; SSn follows 2 bytes on.
    package static func stack16(_ privilege: UInt32) -> UInt64 { 2 + UInt64(privilege) * 4 }
    /// Offset of ESPn in the 32-bit form; SSn follows 4 bytes on.
    package static func stack32(_ privilege: UInt32) -> UInt64 { 4 + UInt64(privilege) * 8 }
    /// Offset of RSPn in the 64-bit form.
    package static func stack64(_ privilege: UInt32) -> UInt64 { 4 + UInt64(privilege) * 8 }
    /// Offset of ISTn, n from 1 to 7, in the 64-bit form.
    package static func interruptStack(_ index: Int) -> UInt64 { 0x24 + UInt64(index - 1) * 8 }
    /// Offset of the 16-bit field that says where the I/O permission bitmap begins (32- and 64-bit forms).
    package static let bitmapOffset: UInt64 = 0x66
}
