/// The routine of a system operation; nil for those of other parts.
func systemRoutine(_ operation: Operation) -> Routine? {
    switch operation {
    case .movToSreg: executeMovToSreg
    case .movFromSreg: executeMovFromSreg
    case .pushSreg: executePushSreg
    case .popSreg: executePopSreg
    case .loadFarPointer: executeLoadFarPointer
    case .callFar: executeCallFar
    case .callFarIndirect: executeCallFarIndirect
    case .jmpFar: executeJmpFar
    case .jmpFarIndirect: executeJmpFarIndirect
    case .retFar: executeRetFar
    case .retFarImmediate: executeRetFarImmediate
    case .iret: executeIret
    case .intN: executeIntN
    case .int3: executeInt3
    case .int1: executeInt1
    case .into: executeInto
    case .bound: executeBound
    case .enter: executeEnter
    case .leave: executeLeave
    case .syscall: executeSyscall
    case .sysret: executeSysret
    case .sysenter: executeSysenter
    case .sysexit: executeSysexit
    case .lgdt: executeLgdt
    case .lidt: executeLidt
    case .sgdt: executeSgdt
    case .sidt: executeSidt
    case .lldt: executeLldt
    case .sldt: executeSldt
    case .ltr: executeLtr
    case .str: executeStr
    case .lmsw: executeLmsw
    case .smsw: executeSmsw
    case .clts: executeClts
    case .movToCR: executeMovToCR
    case .movFromCR: executeMovFromCR
    case .movToDR: executeMovToDR
    case .movFromDR: executeMovFromDR
    case .rdmsr: executeRdmsr
    case .wrmsr: executeWrmsr
    case .cpuid: executeCpuid
    case .rdtsc: executeRdtsc
    case .rdtscp: executeRdtscp
    case .rdpmc: executeRdpmc
    case .inPort: executeIn
    case .outPort: executeOut
    case .ins: executeIns
    case .outs: executeOuts
    case .hlt: executeHlt
    case .cli: executeCli
    case .sti: executeSti
    case .pushf: executePushf
    case .popf: executePopf
    case .invlpg: executeInvlpg
    case .invd, .wbinvd: executeCacheInvalidate
    case .lar: executeLar
    case .lsl: executeLsl
    case .verr: executeVerr
    case .verw: executeVerw
    case .arpl: executeArpl
    case .swapgs: executeSwapgs
    case .monitor, .mwait, .rsm: executeAbsent
    default: nil
    }
}
