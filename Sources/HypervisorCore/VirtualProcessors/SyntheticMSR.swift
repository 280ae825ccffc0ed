/// Numbers of the synthetic MSRs (TLFS appendix C) and who may use them.
enum SyntheticMSR {
    static let guestOSID: UInt32 = 0x4000_0000
    static let hypercall: UInt32 = 0x4000_0001
    static let vpIndex: UInt32 = 0x4000_0002
    static let reset: UInt32 = 0x4000_0003
    static let vpRunTime: UInt32 = 0x4000_0010
    static let referenceCounter: UInt32 = 0x4000_0020
    static let referenceTSC: UInt32 = 0x4000_0021
    static let tscFrequency: UInt32 = 0x4000_0022
    static let apicFrequency: UInt32 = 0x4000_0023
    static let endOfInterrupt: UInt32 = 0x4000_0070
    static let interruptCommand: UInt32 = 0x4000_0071
    static let taskPriority: UInt32 = 0x4000_0072
    static let vpAssistPage: UInt32 = 0x4000_0073
    static let synicControl: UInt32 = 0x4000_0080
    static let synicVersion: UInt32 = 0x4000_0081
    static let eventFlagsPage: UInt32 = 0x4000_0082
    static let messagePage: UInt32 = 0x4000_0083
    static let endOfMessage: UInt32 = 0x4000_0084
    static let source0: UInt32 = 0x4000_0090
    static let source15: UInt32 = 0x4000_009f
    static let timer0Config: UInt32 = 0x4000_00b0
    static let timer3Count: UInt32 = 0x4000_00b7
    static let guestIdle: UInt32 = 0x4000_00f0
    static let crashParameter0: UInt32 = 0x4000_0100
    static let crashParameter4: UInt32 = 0x4000_0104
    static let crashControl: UInt32 = 0x4000_0105

    /// The whole range; numbers without a privilege below do not exist.
    static let range: ClosedRange<UInt32> = 0x4000_0000...0x4000_0fff

    /// The privilege an MSR needs, empty where every partition has it; nil: no such MSR.
    static func privilege(_ index: UInt32) -> PartitionPrivileges? {
        switch index {
        case guestOSID, hypercall: .accessHypercallMSRs
        case vpIndex: .accessVPIndex
        case reset: .accessReset
        case vpRunTime: .accessVPRunTime
        case referenceCounter: .accessReferenceCounter
        case referenceTSC: .accessReferenceTSC
        case tscFrequency, apicFrequency: .accessFrequencies
        case endOfInterrupt...vpAssistPage: .accessInterruptControl
        case synicControl...endOfMessage, source0...source15: .accessSynIC
        case timer0Config...timer3Count: .accessSyntheticTimers
        case guestIdle: .accessGuestIdle
        case crashParameter0...crashControl: []
        default: nil
        }
    }
}
