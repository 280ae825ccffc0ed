/// Bits of CR0 (AMD APM vol. 2, 3.1.1).
package enum CR0 {
    package static let protectionEnable: UInt64 = 1 << 0
    package static let monitorCoprocessor: UInt64 = 1 << 1
    package static let emulation: UInt64 = 1 << 2
    package static let taskSwitched: UInt64 = 1 << 3
    package static let extensionType: UInt64 = 1 << 4
    package static let numericError: UInt64 = 1 << 5
    package static let writeProtect: UInt64 = 1 << 16
    package static let alignmentMask: UInt64 = 1 << 18
    package static let notWriteThrough: UInt64 = 1 << 29
    package static let cacheDisable: UInt64 = 1 << 30
    package static let paging: UInt64 = 1 << 31

    /// Every defined bit; the rest reads as zero.
    package static let defined: UInt64 =
        protectionEnable | monitorCoprocessor | emulation | taskSwitched | extensionType | numericError | writeProtect | alignmentMask
        | notWriteThrough | cacheDisable | paging
    /// What LMSW writes (PE can only be set by it).
    package static let machineStatusWord: UInt64 = 0xf
    /// After reset and INIT; cache bits are set.
    package static let atReset: UInt64 = cacheDisable | notWriteThrough | extensionType
}

/// Bits of CR4 (AMD APM vol. 2, 3.1.3).
package enum CR4 {
    package static let virtual8086Extensions: UInt64 = 1 << 0
    package static let protectedVirtualInterrupts: UInt64 = 1 << 1
    package static let timestampDisable: UInt64 = 1 << 2
    package static let debuggingExtensions: UInt64 = 1 << 3
    package static let pageSizeExtension: UInt64 = 1 << 4
    package static let physicalAddressExtension: UInt64 = 1 << 5
    package static let machineCheckEnable: UInt64 = 1 << 6
    package static let globalPages: UInt64 = 1 << 7
    package static let performanceCounterEnable: UInt64 = 1 << 8
    package static let fxsave: UInt64 = 1 << 9
    package static let simdExceptions: UInt64 = 1 << 10

    /// Bits the processor model has; setting any other is #GP(0).
    package static let supported: UInt64 =
        timestampDisable | debuggingExtensions | pageSizeExtension | physicalAddressExtension | globalPages | performanceCounterEnable
        | fxsave | simdExceptions
}

/// Bits of EFER, MSR 0xC0000080 (AMD APM vol. 2, 3.1.7).
package enum EFER {
    package static let systemCallExtensions: UInt64 = 1 << 0
    package static let longModeEnable: UInt64 = 1 << 8
    package static let longModeActive: UInt64 = 1 << 10
    package static let noExecuteEnable: UInt64 = 1 << 11

    /// Bits software may set; LMA follows LME and CR0.PG and is ignored in a write, any other is #GP(0).
    package static let writable: UInt64 = systemCallExtensions | longModeEnable | noExecuteEnable
}

/// Bits of RFLAGS (AMD APM vol. 2, 3.1.6).
package enum RFLAGS {
    package static let carry: UInt64 = 1 << 0
    /// Always one.
    package static let fixed: UInt64 = 1 << 1
    package static let parity: UInt64 = 1 << 2
    package static let auxiliary: UInt64 = 1 << 4
    package static let zero: UInt64 = 1 << 6
    package static let sign: UInt64 = 1 << 7
    package static let trap: UInt64 = 1 << 8
    package static let interrupt: UInt64 = 1 << 9
    package static let direction: UInt64 = 1 << 10
    package static let overflow: UInt64 = 1 << 11
    package static let ioPrivilegeLevel: UInt64 = 3 << 12
    package static let nestedTask: UInt64 = 1 << 14
    package static let resume: UInt64 = 1 << 16
    package static let virtual8086: UInt64 = 1 << 17
    package static let alignmentCheck: UInt64 = 1 << 18
    package static let virtualInterrupt: UInt64 = 1 << 19
    package static let virtualInterruptPending: UInt64 = 1 << 20
    package static let identification: UInt64 = 1 << 21

    package static let arithmetic: UInt64 = carry | parity | auxiliary | zero | sign | overflow
    /// What POPF and IRET can change at CPL 0 in a 32-bit image; bits outside read as zero (bit 1 as one). VIF and VIP belong to
    /// CR4.VME and CR4.PVI, which the model lacks: they are plain bits.
    package static let writable: UInt64 =
        arithmetic | trap | interrupt | direction | ioPrivilegeLevel | nestedTask | resume | virtual8086 | alignmentCheck
        | virtualInterrupt | virtualInterruptPending | identification
}

/// Widths of addresses.
package enum AddressWidth {
    /// Bits of a guest-physical address (CPUID 0x80000008 EAX bits 7-0); page-table address bits above are reserved.
    package static let physical = 40
    /// Bits of a linear address in 64-bit mode.
    package static let linear = 48
}
