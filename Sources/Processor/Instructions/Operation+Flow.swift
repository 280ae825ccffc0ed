/// What an operation means for the flow of a block.
extension Operation {
    /// A branch whose distance is in the instruction.
    var isRelativeBranch: Bool {
        switch self {
        case .jcc, .jmp, .call, .loop, .loope, .loopne, .jcxz: true
        default: false
        }
    }

    /// Nothing behind it belongs to the same block.
    var endsBlock: Bool {
        switch self {
        case .jcc, .jmp, .call, .loop, .loope, .loopne, .jcxz, .jmpIndirect, .callIndirect, .ret, .retImmediate: true
        case .undefined, .callFar, .callFarIndirect, .jmpFar, .jmpFarIndirect, .retFar, .retFarImmediate, .iret: true
        case .intN, .int3, .int1, .into, .syscall, .sysret, .sysenter, .sysexit, .hlt, .sti, .popf, .cli, .mwait, .rsm: true
        case .movToCR, .movToDR, .lmsw, .wrmsr, .invlpg, .movToSreg, .popSreg: true
        case .movs, .cmps, .stos, .lods, .scas, .ins, .outs: true
        default: false
        }
    }

    /// Its routine never returns `next`.
    var neverFallsThrough: Bool {
        switch self {
        case .jcc, .jmp, .call, .loop, .loope, .loopne, .jcxz, .jmpIndirect, .callIndirect, .ret, .retImmediate, .undefined: true
        default: false
        }
    }
}
