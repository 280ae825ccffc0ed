import Basics
import DeviceModel

/// A call whose control word, privilege and parameters have been checked.
struct CheckedCall {
    var control: HypercallControl
    var caller: Partition
    /// nil for the root's stack.
    var processor: VirtualProcessor?
    var input: HypercallInput
    var shape: HypercallShape

    /// The integer at `offset`, which is a multiple of its size; zero where it ends beyond the input.
    func word<Value: FixedWidthInteger>(_ offset: Int, as type: Value.Type = Value.self) -> Value {
        switch input {
        case .bytes(let bytes): bytes.littleEndian(at: offset, as: type) ?? 0
        case .words(let first, let second):
            offset < 16 ? Value(truncatingIfNeeded: (offset < 8 ? first : second) >> (UInt64(offset & 7) * 8)) : 0
        }
    }
}

/// Fixed header, variable header, reps; copied out of the guest once. Up to sixteen bytes need no array.
enum HypercallInput {
    case bytes([UInt8])
    case words(UInt64, UInt64)

    /// All bytes, for calls that are longer than two words.
    var bytes: [UInt8] {
        switch self {
        case .bytes(let bytes): bytes
        case .words(let first, let second): [UInt8](littleEndian: first) + [UInt8](littleEndian: second)
        }
    }
}

extension Hypervisor {
    /// The one way in. Checks in the order that reveals least: code, privilege, control word, parameters (TLFS 3.10).
    package func call(
        as caller: Partition, processor: VirtualProcessor? = nil, control: HypercallControl, parameters: HypercallParameters
    ) -> HypercallReply {
        let code = HypercallCode(rawValue: control.code)
        caller.countHypercall(code)
        guard let code else { return HypercallReply(.invalidHypercallCode) }
        let shape = code.shape
        guard caller.privileges.contains(shape.privilege) else { return HypercallReply(.accessDenied) }
        guard Self.isValid(control, for: shape) else { return HypercallReply(.invalidHypercallInput) }
        let count = shape.header + control.variableHeader * 8 + control.repCount * (shape.element ?? 0)
        let input: HypercallInput
        switch Self.input(of: parameters, count: count, output: shape.output, caller: caller) {
        case .failure(let refusal): return HypercallReply(refusal.status)
        case .success(let found): input = found
        }
        var reply = perform(
            code, CheckedCall(control: control, caller: caller, processor: processor, input: input, shape: shape))
        if case .memory(input: _, output: let address) = parameters, shape.output > 0, reply.status == .success {
            _ = caller.machine?.configuration.memory.write(address, reply.output)
            reply.output = []
        }
        return reply
    }

    /// True for a fast call with more than two registers of input, which needs the XMM form that is not offered: #UD (TLFS 3.7.2).
    /// Calls beyond 112 bytes have no fast form at all and get a status instead.
    static func needsVectorRegisters(_ control: HypercallControl, for caller: Partition) -> Bool {
        guard let shape = HypercallCode(rawValue: control.code)?.shape, caller.privileges.contains(shape.privilege),
            isValid(control, for: shape)
        else { return false }
        let count = shape.header + control.variableHeader * 8 + control.repCount * (shape.element ?? 0)
        return count > 16 && count <= 112
    }

    private static func isValid(_ control: HypercallControl, for shape: HypercallShape) -> Bool {
        guard !control.hasReservedBits, control.variableHeader == 0 || shape.takesVariableHeader else { return false }
        if shape.element == nil { return control.repCount == 0 && control.repStart == 0 }
        return control.repStart < control.repCount
    }

    private struct Refusal: Error { var status: HypercallStatus }

    /// Copies the input out; checks the output's place.
    private static func input(
        of parameters: HypercallParameters, count: Int, output: Int, caller: Partition
    ) -> Result<HypercallInput, Refusal> {
        switch parameters {
        case .bytes(let bytes):
            return bytes.count >= count ? .success(.bytes(bytes)) : .failure(Refusal(status: .invalidHypercallInput))
        case .words(let first, let second):
            return count <= 16 ? .success(.words(first, second)) : .failure(Refusal(status: .invalidHypercallInput))
        case .registers(let first, let second):
            guard count <= 16, output == 0 else { return .failure(Refusal(status: .invalidHypercallInput)) }
            return .success(.words(first, second))
        case .memory(let inputAddress, let outputAddress):
            guard let memory = caller.machine?.configuration.memory else { return .failure(Refusal(status: .invalidPartitionState)) }
            guard isPlaced(outputAddress, count: output, in: memory), isPlaced(inputAddress, count: count, in: memory) else {
                return .failure(Refusal(status: .invalidAlignment))
            }
            guard count > 0 else { return .success(.words(0, 0)) }
            guard let bytes = memory.read(inputAddress, count: count) else { return .failure(Refusal(status: .invalidAlignment)) }
            return .success(.bytes(bytes))
        }
    }

    /// Eight-byte aligned, inside one page, inside RAM (TLFS 3.6); an empty list is anywhere.
    private static func isPlaced(_ address: UInt64, count: Int, in memory: GuestMemory) -> Bool {
        count == 0 || (address & 7 == 0 && Int(address & 0xfff) + count <= 4096 && memory.contains(address, count: UInt64(count)))
    }

    /// The call itself.
    private func perform(_ code: HypercallCode, _ call: CheckedCall) -> HypercallReply {
        switch code {
        case .flushVirtualAddressSpace, .flushVirtualAddressList, .flushVirtualAddressSpaceEx, .flushVirtualAddressListEx:
            flush(code, call)
        case .notifyLongSpinWait: notifyLongSpinWait(call)
        case .sendSyntheticClusterIPI, .sendSyntheticClusterIPIEx: sendClusterIPI(code, call)
        case .createPartition: createPartition(call)
        case .initializePartition, .finalizePartition, .deletePartition: changePartition(code, call)
        case .getPartitionProperty: getPartitionProperty(call)
        case .getPartitionID: HypercallReply(.success, output: [UInt8](littleEndian: call.caller.id))
        case .getNextChildPartition: getNextChildPartition(call)
        case .createVP: createVP(call)
        case .postMessage: postMessage(call)
        case .signalEvent: signalEvent(call)
        case .assertVirtualInterrupt: assertVirtualInterrupt(call)
        case .signalEventDirect: signalEventDirect(call)
        case .postMessageDirect: postMessageDirect(call)
        }
    }

    /// The child a privileged call acts on: the caller's own.
    func child(_ id: UInt64, of caller: Partition) -> Partition? {
        partition(id).flatMap { $0.parentID == caller.id ? $0 : nil }
    }
}
