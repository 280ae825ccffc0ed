/// Why a command did not succeed: sense key, additional sense code and qualifier (SPC-4 4.5).
package struct SenseData: Equatable, Sendable, Codable {
    package var key: UInt8
    package var code: UInt8
    package var qualifier: UInt8

    package init(_ key: UInt8, _ code: UInt8, _ qualifier: UInt8 = 0) { (self.key, self.code, self.qualifier) = (key, code, qualifier) }

    package static let none = SenseData(0x0, 0x00)
    package static let mediumNotPresent = SenseData(0x2, 0x3A)
    package static let readError = SenseData(0x3, 0x11)
    package static let writeError = SenseData(0x3, 0x0C)
    package static let internalFailure = SenseData(0x4, 0x44)
    package static let parameterListLength = SenseData(0x5, 0x1A)
    package static let invalidOpcode = SenseData(0x5, 0x20)
    package static let addressOutOfRange = SenseData(0x5, 0x21)
    package static let invalidFieldInBlock = SenseData(0x5, 0x24)
    package static let invalidFieldInParameters = SenseData(0x5, 0x26)
    package static let savingNotSupported = SenseData(0x5, 0x39)
    package static let removalPrevented = SenseData(0x5, 0x53, 0x02)
    /// Unit attentions.
    package static let mediumMayHaveChanged = SenseData(0x6, 0x28)
    package static let reportedLUNsChanged = SenseData(0x6, 0x3F, 0x0E)
    package static let writeProtected = SenseData(0x7, 0x27)

    /// Bytes of the fixed format.
    package static let fixedLength = 18

    /// The fixed format: response code 0x70, ten additional bytes.
    var fixed: [UInt8] { [0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, code, qualifier, 0, 0, 0, 0] }
}
