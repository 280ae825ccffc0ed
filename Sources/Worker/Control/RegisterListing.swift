import Processor
import WorkerProtocol

/// A VP's registers as a list with the manuals' names, in their order.
enum RegisterListing {
    typealias Register = WorkerProtocol.VirtualProcessorInformation.Register

    static func list(_ state: ProcessorState) -> [Register] {
        var list: [Register] = []
        func add(_ name: String, _ value: UInt64) { list.append(Register(name: name, value: value)) }
        let general = ["RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI", "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15"]
        for (name, value) in zip(general, state.general) { add(name, value) }
        add("RIP", state.rip)
        add("RFLAGS", state.rflags)
        for (name, segment) in zip(["ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"], state.segments) {
            add(name, UInt64(segment.selector))
            add(name + ".Base", segment.base)
            add(name + ".Limit", UInt64(segment.limit))
            add(name + ".Attributes", UInt64(segment.attributes))
        }
        add("GDTR.Base", state.gdtr.base)
        add("GDTR.Limit", UInt64(state.gdtr.limit))
        add("IDTR.Base", state.idtr.base)
        add("IDTR.Limit", UInt64(state.idtr.limit))
        for (name, value) in [("CR0", state.cr0), ("CR2", state.cr2), ("CR3", state.cr3), ("CR4", state.cr4)] { add(name, value) }
        for (name, value) in zip(["DR0", "DR1", "DR2", "DR3", "DR6", "DR7"], state.debug) { add(name, value) }
        for (name, value) in [
            ("EFER", state.efer), ("STAR", state.star), ("LSTAR", state.lstar), ("CSTAR", state.cstar), ("SFMASK", state.sfmask),
            ("KERNEL_GS_BASE", state.kernelGSBase), ("TSC_AUX", state.tscAux), ("SYSENTER_CS", state.sysenterCS),
            ("SYSENTER_ESP", state.sysenterESP), ("SYSENTER_EIP", state.sysenterEIP), ("PAT", state.pat),
            ("MXCSR", UInt64(state.mxcsr)), ("FCW", UInt64(state.fcw)), ("FSW", UInt64(state.fsw)), ("FTW", UInt64(state.ftw)),
        ] { add(name, value) }
        addPairs("XMM", state.vector, to: &list)
        addPairs("R", state.x87, suffix: ".x87", to: &list)
        return list
    }

    /// Registers of two words each, low word first.
    private static func addPairs(_ name: String, _ words: [UInt64], suffix: String = "", to list: inout [Register]) {
        for index in 0..<words.count / 2 {
            list.append(Register(name: "\(name)\(index)\(suffix)", value: words[2 * index], high: words[2 * index + 1]))
        }
    }
}
