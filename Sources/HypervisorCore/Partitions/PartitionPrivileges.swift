/// HV_PARTITION_PRIVILEGE_MASK: which synthetic MSRs and hypercalls a partition may use (TLFS 4.2.2). CPUID leaf 0x40000003 shows it in
/// EAX (bits 0–31) and EBX (bits 32–63).
package struct PartitionPrivileges: OptionSet, Codable, Hashable, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    package static let accessVPRunTime = Self(rawValue: 1 << 0)
    package static let accessReferenceCounter = Self(rawValue: 1 << 1)
    package static let accessSynIC = Self(rawValue: 1 << 2)
    package static let accessSyntheticTimers = Self(rawValue: 1 << 3)
    package static let accessInterruptControl = Self(rawValue: 1 << 4)
    package static let accessHypercallMSRs = Self(rawValue: 1 << 5)
    package static let accessVPIndex = Self(rawValue: 1 << 6)
    package static let accessReset = Self(rawValue: 1 << 7)
    package static let accessReferenceTSC = Self(rawValue: 1 << 9)
    package static let accessGuestIdle = Self(rawValue: 1 << 10)
    package static let accessFrequencies = Self(rawValue: 1 << 11)
    package static let createPartitions = Self(rawValue: 1 << 32)
    package static let accessPartitionID = Self(rawValue: 1 << 33)
    package static let postMessages = Self(rawValue: 1 << 36)
    package static let signalEvents = Self(rawValue: 1 << 37)
    package static let createPort = Self(rawValue: 1 << 38)
    package static let connectPort = Self(rawValue: 1 << 39)
    package static let cpuManagement = Self(rawValue: 1 << 44)
    package static let accessVPRegisters = Self(rawValue: 1 << 49)

    /// A child's: leaf 3 EAX 0xEFF, EBX 0x30.
    package static let child = Self(rawValue: 0x0000_0030_0000_0eff)
    /// The root holds every privilege that exists here.
    package static let root: Self = [
        .child, .createPartitions, .accessPartitionID, .createPort, .connectPort, .cpuManagement, .accessVPRegisters,
    ]

    /// The manual's names, in the order of the bits.
    package var names: [String] {
        let all: [(PartitionPrivileges, String)] = [
            (.accessVPRunTime, "AccessVpRunTimeReg"), (.accessReferenceCounter, "AccessPartitionReferenceCounter"),
            (.accessSynIC, "AccessSynicRegs"), (.accessSyntheticTimers, "AccessSyntheticTimerRegs"),
            (.accessInterruptControl, "AccessIntrCtrlRegs"), (.accessHypercallMSRs, "AccessHypercallMsrs"),
            (.accessVPIndex, "AccessVpIndex"), (.accessReset, "AccessResetReg"), (.accessReferenceTSC, "AccessPartitionReferenceTsc"),
            (.accessGuestIdle, "AccessGuestIdleReg"), (.accessFrequencies, "AccessFrequencyRegs"),
            (.createPartitions, "CreatePartitions"), (.accessPartitionID, "AccessPartitionId"), (.postMessages, "PostMessages"),
            (.signalEvents, "SignalEvents"), (.createPort, "CreatePort"), (.connectPort, "ConnectPort"),
            (.cpuManagement, "CpuManagement"), (.accessVPRegisters, "AccessVpRegisters"),
        ]
        return all.filter { contains($0.0) }.map(\.1)
    }
}
