/// The calls this hypervisor knows (TLFS appendix A). Codes from the direct pair on are the root's.
package enum HypercallCode: UInt16, CaseIterable, Sendable {
    case flushVirtualAddressSpace = 0x02
    case flushVirtualAddressList = 0x03
    case notifyLongSpinWait = 0x08
    case sendSyntheticClusterIPI = 0x0b
    case flushVirtualAddressSpaceEx = 0x13
    case flushVirtualAddressListEx = 0x14
    case sendSyntheticClusterIPIEx = 0x15
    case createPartition = 0x40
    case initializePartition = 0x41
    case finalizePartition = 0x42
    case deletePartition = 0x43
    case getPartitionProperty = 0x44
    case getPartitionID = 0x46
    case getNextChildPartition = 0x47
    case createVP = 0x4e
    case postMessage = 0x5c
    case signalEvent = 0x5d
    case assertVirtualInterrupt = 0x94
    case signalEventDirect = 0xc0
    case postMessageDirect = 0xc1
}

/// The form of a call: what it may be given and what it needs.
struct HypercallShape {
    /// Bytes of the fixed header.
    var header: Int
    /// Bytes of one rep's input; nil: no rep call.
    var element: Int?
    /// Bytes of output.
    var output = 0
    var takesVariableHeader = false
    /// What the caller must hold; empty: nothing.
    var privilege: PartitionPrivileges = []
}

extension HypercallCode {
    /// Place of each call in `allCases`, for rows of counters.
    static let ordinals = Dictionary(uniqueKeysWithValues: allCases.enumerated().map { ($1, $0) })

    /// The manual's name, for views.
    package var name: String {
        switch self {
        case .flushVirtualAddressSpace: "HvCallFlushVirtualAddressSpace"
        case .flushVirtualAddressList: "HvCallFlushVirtualAddressList"
        case .notifyLongSpinWait: "HvCallNotifyLongSpinWait"
        case .sendSyntheticClusterIPI: "HvCallSendSyntheticClusterIpi"
        case .flushVirtualAddressSpaceEx: "HvCallFlushVirtualAddressSpaceEx"
        case .flushVirtualAddressListEx: "HvCallFlushVirtualAddressListEx"
        case .sendSyntheticClusterIPIEx: "HvCallSendSyntheticClusterIpiEx"
        case .createPartition: "HvCallCreatePartition"
        case .initializePartition: "HvCallInitializePartition"
        case .finalizePartition: "HvCallFinalizePartition"
        case .deletePartition: "HvCallDeletePartition"
        case .getPartitionProperty: "HvCallGetPartitionProperty"
        case .getPartitionID: "HvCallGetPartitionId"
        case .getNextChildPartition: "HvCallGetNextChildPartition"
        case .createVP: "HvCallCreateVp"
        case .postMessage: "HvCallPostMessage"
        case .signalEvent: "HvCallSignalEvent"
        case .assertVirtualInterrupt: "HvCallAssertVirtualInterrupt"
        case .signalEventDirect: "HvCallSignalEventDirect"
        case .postMessageDirect: "HvCallPostMessageDirect"
        }
    }

    var shape: HypercallShape {
        switch self {
        case .flushVirtualAddressSpace: HypercallShape(header: 24)
        case .flushVirtualAddressList: HypercallShape(header: 24, element: 8)
        case .flushVirtualAddressSpaceEx: HypercallShape(header: 32, takesVariableHeader: true)
        case .flushVirtualAddressListEx: HypercallShape(header: 32, element: 8, takesVariableHeader: true)
        case .notifyLongSpinWait: HypercallShape(header: 8)
        case .sendSyntheticClusterIPI: HypercallShape(header: 16)
        case .sendSyntheticClusterIPIEx: HypercallShape(header: 24, takesVariableHeader: true)
        case .createPartition: HypercallShape(header: 16, output: 8, privilege: .createPartitions)
        case .initializePartition, .finalizePartition, .deletePartition: HypercallShape(header: 8, privilege: .createPartitions)
        case .getPartitionProperty: HypercallShape(header: 16, output: 8, privilege: .createPartitions)
        case .getPartitionID: HypercallShape(header: 0, output: 8, privilege: .accessPartitionID)
        case .getNextChildPartition: HypercallShape(header: 16, output: 8, privilege: .createPartitions)
        case .createVP: HypercallShape(header: 16, privilege: .createPartitions)
        case .postMessage: HypercallShape(header: 256, privilege: .postMessages)
        case .signalEvent: HypercallShape(header: 8, privilege: .signalEvents)
        case .assertVirtualInterrupt: HypercallShape(header: 32, privilege: .createPartitions)
        case .signalEventDirect: HypercallShape(header: 16, output: 8, privilege: .createPartitions)
        case .postMessageDirect: HypercallShape(header: 280, privilege: .createPartitions)
        }
    }
}
