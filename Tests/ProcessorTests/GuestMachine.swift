import CHost
import DeviceModel
import Processor

/// A machine of one processor and RAM, what guest programs run on: ports for text (0xE9), the exit code (0xF4), an interrupt's vector
/// (0xF5) and an NMI (0xF6).
final class GuestMachine: InterceptHandler, GuestPhysicalMap {
    let memory: GuestMemory
    let group: EngineGroup
    private(set) var output: [UInt8] = []
    private(set) var exitCode: UInt32?
    private(set) var notes: [EngineNote] = []
    private var pendingInterrupt: UInt8?
    private var isNMIPending = false
    /// Made after `self`, which it asks; there from the end of `init` on.
    private(set) var processor: Interpreter!

    init(memorySize: UInt64 = 64 << 20) throws {
        memory = try GuestMemory(size: memorySize)
        group = try EngineGroup(memory: memory)
        processor = try Interpreter(
            group: group, map: BorrowedMap(self), intercepts: self, translating: EngineUnderTest.translates, translationThreshold: 0)
    }

    var text: String { String(decoding: output, as: UTF8.self) }

    /// How a program ended.
    struct Ending: Equatable {
        var exit: EngineExit
        var code: UInt32?
    }

    /// Loads a flat multiboot image (address fields) and starts it as a loader would: 32-bit protected mode, flat segments.
    func start(multiboot image: [UInt8]) throws {
        guard let header = stride(from: 0, to: min(image.count, 8192) - 32, by: 4).first(where: { word(image, $0) == 0x1bad_b002 }),
            memory.write(UInt64(word(image, header + 16)), image)
        else { throw GuestProgramError.notMultiboot }
        var state = ProcessorState()
        let data = ProcessorState.Segment(selector: 0x10, attributes: 0xc093, limit: .max, base: 0)
        for register in 0..<6 { state.segments[register] = data }
        state.segments[1] = ProcessorState.Segment(selector: 8, attributes: 0xc09b, limit: .max, base: 0)
        state.segments[6] = ProcessorState.Segment(attributes: 0x82, limit: 0xffff)
        state.segments[7] = ProcessorState.Segment(attributes: 0x8b, limit: 0xffff)
        state.cr0 = 0x11
        state.rip = UInt64(word(image, header + 28))
        state.general[0] = 0x2bad_b002
        processor.state = state
    }

    /// Runs until the program ends, at most `limit` instructions. Nothing waits: HLT without an event ends the run too.
    func run(limit: UInt64 = 50_000_000) -> Ending {
        while true {
            // There is no window for NMIs: while one is held off the machine looks behind every instruction.
            let exit = processor.run(until: isNMIPending ? min(limit, processor.instructionsRetired + 1) : limit)
            if let exitCode { return Ending(exit: exit, code: exitCode) }
            switch exit {
            case .limit where isNMIPending && processor.instructionsRetired < limit: _ = deliverEvent()
            case .requested, .interruptWindow, .halted:
                if !deliverEvent(), exit == .halted { return Ending(exit: exit, code: nil) }
            case .limit, .tripleFault, .unsupported: return Ending(exit: exit, code: nil)
            }
        }
    }

    /// Delivers what a program raised by ports 0xF5 and 0xF6 as soon as it may come. False: nothing came.
    private func deliverEvent() -> Bool {
        defer { processor.wantsInterruptWindow = pendingInterrupt != nil }
        if isNMIPending, processor.canAcceptNMI {
            isNMIPending = false
            processor.deliverNMI()
            return true
        }
        if let vector = pendingInterrupt, processor.canAcceptInterrupt {
            pendingInterrupt = nil
            processor.deliverInterrupt(vector: vector)
            return true
        }
        return false
    }

    private func word(_ image: [UInt8], _ offset: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(image[offset + $1]) << UInt32($1 * 8) }
    }

    // MARK: GuestPhysicalMap

    func page(at address: UInt64) -> GuestPhysicalPage {
        GuestPhysicalPage(host: memory.hostPage(at: address), isWritable: true)
    }

    // MARK: InterceptHandler

    func readPort(_ port: UInt16, size: Int) -> InterceptResult<UInt32> { .value(port == 0xe9 ? 0xe9 : .max) }

    func writePort(_ port: UInt16, size: Int, value: UInt32) -> InterceptResult<Void> {
        switch port {
        case 0xe9: output.append(UInt8(truncatingIfNeeded: value))
        case 0xf5:
            pendingInterrupt = UInt8(truncatingIfNeeded: value)
            processor.requestExit()
        case 0xf6:
            isNMIPending = true
            processor.requestExit()
        case 0xf4:
            exitCode = value
            processor.requestExit()
        default: break
        }
        return .done
    }

    func readMemory(_ address: UInt64, size: Int) -> InterceptResult<UInt64> { .value(.max) }
    func writeMemory(_ address: UInt64, size: Int, value: UInt64) -> InterceptResult<Void> { .done }

    func cpuid(leaf: UInt32, subleaf: UInt32) -> CPUIDResult {
        ProcessorModel.qemu64.cpuid(leaf: leaf, subleaf: subleaf, topology: ProcessorTopology(apicID: 0, processorCount: 1))
    }

    func readMSR(_ index: UInt32) -> InterceptResult<UInt64> { .generalProtection }
    func writeMSR(_ index: UInt32, _ value: UInt64) -> InterceptResult<Void> { .generalProtection }
    func readTimestampCounter() -> UInt64 { processor.instructionsRetired }
    func readTaskPriority() -> UInt8 { taskPriority }
    func writeTaskPriority(_ value: UInt8) { taskPriority = value }
    private var taskPriority: UInt8 = 0
    func note(_ event: EngineNote) { notes.append(event) }
}

enum GuestProgramError: Error { case notMultiboot }
