/// The kinds of intercepts that are counted.
package enum InterceptKind: String, Codable, Sendable, CaseIterable {
    case ioPort = "IoPort"
    case memory = "Memory"
    case apic = "Apic"
    case msr = "Msr"
    case cpuid = "Cpuid"
    case hypercall = "Hypercall"
    case halt = "Halt"
    case interruptWindow = "InterruptWindow"

    /// Place in a row of counters.
    var index: Int {
        switch self {
        case .ioPort: 0
        case .memory: 1
        case .apic: 2
        case .msr: 3
        case .cpuid: 4
        case .hypercall: 5
        case .halt: 6
        case .interruptWindow: 7
        }
    }
}
