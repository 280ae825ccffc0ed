import CHost

/// The kinds of instructions by which a program reaches for the machine under it: the privileged ones, and those that show or change what a
/// monitor has to know of. On hardware without help for virtualization, a monitor would have to see each of them.
package enum PrivilegedKind: String, Codable, Sendable, CaseIterable {
    /// CLI, STI.
    case interruptFlag = "InterruptFlag"
    /// PUSHF, POPF.
    case flags = "Flags"
    case halt = "Halt"
    /// IN, OUT, and each round of INS and OUTS.
    case portAccess = "PortAccess"
    /// MOV to and from CR0–CR8, CLTS, LMSW.
    case controlRegister = "ControlRegister"
    case debugRegister = "DebugRegister"
    /// LGDT, LIDT, LLDT, LTR.
    case descriptorTable = "DescriptorTable"
    /// RDMSR, WRMSR.
    case modelRegister = "ModelRegister"
    /// INVLPG.
    case translation = "Translation"
    /// WBINVD, INVD.
    case cache = "Cache"
    /// IRET.
    case interruptReturn = "InterruptReturn"
    /// SYSRET, SYSEXIT.
    case systemReturn = "SystemReturn"
    /// SWAPGS.
    case swapBase = "SwapBase"
    /// CPUID.
    case identification = "Identification"
    /// RDTSC, RDTSCP.
    case timestamp = "Timestamp"

    init?(_ operation: Operation) {
        switch operation {
        case .cli, .sti: self = .interruptFlag
        case .pushf, .popf: self = .flags
        case .hlt: self = .halt
        case .inPort, .outPort, .ins, .outs: self = .portAccess
        case .movToCR, .movFromCR, .clts, .lmsw: self = .controlRegister
        case .movToDR, .movFromDR: self = .debugRegister
        case .lgdt, .lidt, .lldt, .ltr: self = .descriptorTable
        case .rdmsr, .wrmsr: self = .modelRegister
        case .invlpg: self = .translation
        case .wbinvd, .invd: self = .cache
        case .iret: self = .interruptReturn
        case .sysret, .sysexit: self = .systemReturn
        case .swapgs: self = .swapBase
        case .cpuid: self = .identification
        case .rdtsc, .rdtscp: self = .timestamp
        default: return nil
        }
    }

    /// A word for each kind, all zero; the caller's to free.
    static func makeCounters() -> UnsafeMutablePointer<UInt64> {
        let words = UnsafeMutablePointer<UInt64>.allocate(capacity: allCases.count)
        words.initialize(repeating: 0, count: allCases.count)
        return words
    }
}

/// As `routineTable`, but instructions of a `PrivilegedKind` are counted once they are done: one that faults is not.
///
/// Safety: as `routineTable`.
nonisolated(unsafe) let countingRoutineTable: UnsafeMutablePointer<Routine> = {
    let count = Int((Operation.allCases.map(\.rawValue).max() ?? 0) + 1)
    let table = UnsafeMutablePointer<Routine>.allocate(capacity: count)
    table.initialize(from: routineTable, count: count)
    for operation in Operation.allCases where PrivilegedKind(operation) != nil { table[Int(operation.rawValue)] = countingRoutine }
    return table
}()

/// The place of each operation's kind among the counters; `.max`: it has none.
///
/// Safety: as `routineTable`.
nonisolated(unsafe) private let counterPlaces: UnsafeMutablePointer<UInt8> = {
    let count = Int((Operation.allCases.map(\.rawValue).max() ?? 0) + 1)
    let places = UnsafeMutablePointer<UInt8>.allocate(capacity: count)
    places.initialize(repeating: .max, count: count)
    for operation in Operation.allCases {
        guard let kind = PrivilegedKind(operation), let place = PrivilegedKind.allCases.firstIndex(of: kind) else { continue }
        places[Int(operation.rawValue)] = UInt8(place)
    }
    return places
}()

private let countingRoutine: Routine = { vp, op in
    // The instruction may take its own block away.
    let operation = Int(op.pointee.operation)
    let result = routineTable[operation](vp, op)
    let place = Int(counterPlaces[operation])
    if result != RoutineResult.fault, place < PrivilegedKind.allCases.count, let words = interpreter(vp).privileged {
        // Only this thread writes.
        lv_atomic_store64(words + place, lv_atomic_load64(words + place) &+ 1)
    }
    return result
}
