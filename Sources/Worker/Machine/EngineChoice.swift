import DeviceModel
import Processor

/// The processor engines a VM can ask for, and which of them are there.
struct EngineChoice {
    /// Name for views.
    let name: String
    let model: ProcessorModel
    let make: (any InterceptHandler, any GuestPhysicalMap, Int) throws -> any ProcessorEngine

    /// `Auto` is the fastest engine there is: the interpreter, until the translator and KVM exist.
    init(engine: String, model modelName: String, memory: GuestMemory) throws(MachineError) {
        guard let model = Self.models.first(where: { $0.name == modelName }) else { throw MachineError(.modelUnknown, detail: modelName) }
        self.model = model
        switch engine {
        case "Auto", "Interpreter":
            name = "Interpreter"
            let group: EngineGroup
            do throws(EngineMemoryError) { group = try EngineGroup(memory: memory) } catch { throw MachineError(.memory, cause: error) }
            make = { handler, map, _ in try Interpreter(group: group, map: map, intercepts: handler) }
        case "Translator", "Kvm": throw MachineError(.engineMissing, detail: engine)
        default: throw MachineError(.engineUnknown, detail: engine)
        }
    }

    private static let models: [ProcessorModel] = [.qemu64]
}
