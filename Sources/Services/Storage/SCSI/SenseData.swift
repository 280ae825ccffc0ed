/// Why a command did not succeed: sense key, additional sense code and qualifier (SPC-4 4.5).
package struct SenseData: Equatable, Sendable, Codable {
    var key: UInt8
    var code: UInt8
    var qualifier: UInt8

    init(_ key: UInt8, _ code: UInt8, _ qualifier: UInt8 = 0) { (self.key, self.code, self.qualifier) = (key, code, qualifier) }

    static let none = SenseData(0x0, 0x00)
    static let mediumNotPresent = SenseData(0x2, 0x3A)
    static let readError = SenseData(0x3, 0x11)
    static let writeError = SenseData(0x3, 0x0C)
    static let internalFailure = SenseData(0x4, 0x44)
    static let parameterListLength = SenseData(0x5, 0x1A)
    static let invalidOpcode = SenseData(0x5, 0x20)
    static let addressOutOfRange = SenseData(0x5, 0x21)
    static let invalidFieldInBlock = SenseData(0x5, 0x24)
    static let invalidFieldInParameters = SenseData(0x5, 0x26)
    static let savingNotSupported = SenseData(0x5, 0x39)
    static let removalPrevented = SenseData(0x5, 0x53, 0x02)
    /// Unit attentions.
    static let mediumMayHaveChanged = SenseData(0x6, 0x28)
    static let reportedLUNsChanged = SenseData(0x6, 0x3F, 0x0E)
    static let writeProtected = SenseData(0x7, 0x27)

    /// Bytes of the fixed format.
    static let fixedLength = 18

    /// The fixed format: response code 0x70, ten additional bytes.
    var fixed: [UInt8] { [0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, code, qualifier, 0, 0, 0, 0] }
}
