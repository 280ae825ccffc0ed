import Processor
import WorkerProtocol

/// The registers of a virtual processor by name, in the manuals' order.
enum RegisterList {
    typealias Register = WorkerProtocol.VirtualProcessorInformation.Register

    private static let general = [
        "RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI", "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15",
    ]
    private static let segments = ["ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"]
    private static let debug = ["DR0", "DR1", "DR2", "DR3", "DR6", "DR7"]

    static func registers(_ state: ProcessorState) -> [Register] {
        var list = zip(general, state.general).map { Register(name: $0, value: $1) }
        list += [Register(name: "RIP", value: state.rip), Register(name: "RFLAGS", value: state.rflags)]
        for (name, segment) in zip(segments, state.segments) {
            list.append(Register(name: name, value: UInt64(segment.selector)))
            list.append(Register(name: name + ".Base", value: segment.base))
            list.append(Register(name: name + ".Limit", value: UInt64(segment.limit)))
            list.append(Register(name: name + ".Attributes", value: UInt64(segment.attributes)))
        }
        for (name, table) in [("GDTR", state.gdtr), ("IDTR", state.idtr)] {
            list.append(Register(name: name + ".Base", value: table.base))
            list.append(Register(name: name + ".Limit", value: UInt64(table.limit)))
        }
        list += [("CR0", state.cr0), ("CR2", state.cr2), ("CR3", state.cr3), ("CR4", state.cr4)].map { Register(name: $0, value: $1) }
        list += zip(debug, state.debug).map { Register(name: $0, value: $1) }
        let system: [(String, UInt64)] = [
            ("EFER", state.efer), ("STAR", state.star), ("LSTAR", state.lstar), ("CSTAR", state.cstar), ("SFMASK", state.sfmask),
            ("KernelGSBase", state.kernelGSBase), ("TSCAux", state.tscAux), ("SysenterCS", state.sysenterCS),
            ("SysenterESP", state.sysenterESP), ("SysenterEIP", state.sysenterEIP), ("PAT", state.pat),
        ]
        list += system.map { Register(name: $0, value: $1) }
        for number in 0..<16 {
            list.append(Register(name: "XMM\(number)", value: state.vector[2 * number], high: state.vector[2 * number + 1]))
        }
        list.append(Register(name: "MXCSR", value: UInt64(state.mxcsr)))
        list += [("FCW", state.fcw), ("FSW", state.fsw), ("FTW", state.ftw), ("FOP", state.fop)].map {
            Register(name: $0, value: UInt64($1))
        }
        list += [Register(name: "FIP", value: state.fip), Register(name: "FDP", value: state.fdp)]
        for number in 0..<8 {
            list.append(Register(name: "R\(number)X87", value: state.x87[2 * number], high: state.x87[2 * number + 1]))
        }
        return list
    }
}
