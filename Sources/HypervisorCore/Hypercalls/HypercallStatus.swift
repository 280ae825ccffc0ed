/// HV_STATUS: what a hypercall answers (TLFS appendix B).
package struct HypercallStatus: RawRepresentable, Hashable, Codable, Sendable, CustomStringConvertible {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let success = Self(rawValue: 0x0)
    package static let invalidHypercallCode = Self(rawValue: 0x2)
    package static let invalidHypercallInput = Self(rawValue: 0x3)
    package static let invalidAlignment = Self(rawValue: 0x4)
    package static let invalidParameter = Self(rawValue: 0x5)
    package static let accessDenied = Self(rawValue: 0x6)
    package static let invalidPartitionState = Self(rawValue: 0x7)
    package static let operationDenied = Self(rawValue: 0x8)
    package static let unknownProperty = Self(rawValue: 0x9)
    package static let insufficientMemory = Self(rawValue: 0xb)
    package static let invalidPartitionID = Self(rawValue: 0xd)
    package static let invalidVPIndex = Self(rawValue: 0xe)
    package static let invalidPortID = Self(rawValue: 0x11)
    package static let invalidConnectionID = Self(rawValue: 0x12)
    package static let insufficientBuffers = Self(rawValue: 0x13)
    package static let invalidVPState = Self(rawValue: 0x15)
    package static let invalidSynICState = Self(rawValue: 0x18)
    package static let objectInUse = Self(rawValue: 0x19)

    /// The manual's name, for messages.
    package var description: String {
        switch self {
        case .success: "HV_STATUS_SUCCESS"
        case .invalidHypercallCode: "HV_STATUS_INVALID_HYPERCALL_CODE"
        case .invalidHypercallInput: "HV_STATUS_INVALID_HYPERCALL_INPUT"
        case .invalidAlignment: "HV_STATUS_INVALID_ALIGNMENT"
        case .invalidParameter: "HV_STATUS_INVALID_PARAMETER"
        case .accessDenied: "HV_STATUS_ACCESS_DENIED"
        case .invalidPartitionState: "HV_STATUS_INVALID_PARTITION_STATE"
        case .operationDenied: "HV_STATUS_OPERATION_DENIED"
        case .unknownProperty: "HV_STATUS_UNKNOWN_PROPERTY"
        case .insufficientMemory: "HV_STATUS_INSUFFICIENT_MEMORY"
        case .invalidPartitionID: "HV_STATUS_INVALID_PARTITION_ID"
        case .invalidVPIndex: "HV_STATUS_INVALID_VP_INDEX"
        case .invalidPortID: "HV_STATUS_INVALID_PORT_ID"
        case .invalidConnectionID: "HV_STATUS_INVALID_CONNECTION_ID"
        case .insufficientBuffers: "HV_STATUS_INSUFFICIENT_BUFFERS"
        case .invalidVPState: "HV_STATUS_INVALID_VP_STATE"
        case .invalidSynICState: "HV_STATUS_INVALID_SYNIC_STATE"
        case .objectInUse: "HV_STATUS_OBJECT_IN_USE"
        default: "HV_STATUS 0x" + String(rawValue, radix: 16)
        }
    }
}
