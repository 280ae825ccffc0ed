import DeviceModel
import Processor

/// The processor engines a VM can ask for, and which of them are there.
struct EngineChoice {
    /// Name for views.
    let name: String
    let model: ProcessorModel
    /// The translator would be the engine, and the host refuses executable memory.
    let isSecondChoice: Bool
    /// The translator is the engine, and the host's processor lacks what its shortest code needs.
    let isSlower: Bool
    let make: (any InterceptHandler, any GuestPhysicalMap, Int) throws -> any ProcessorEngine

    /// `Auto` is the fastest engine there is: the translator, or the interpreter where the host refuses executable memory.
    /// `mayTranslate` false: as if it did; `mayUseBMI2` false: as if its processor had none. `countsPrivileged`: for a guest without
    /// enlightenments.
    init(
        engine: String, model modelName: String, memory: GuestMemory, mayTranslate: Bool, mayUseBMI2: Bool,
        countsPrivileged: Bool
    ) throws(MachineError) {
        guard let model = Self.models.first(where: { $0.name == modelName }) else { throw MachineError(.modelUnknown, detail: modelName) }
        self.model = model
        let translates: Bool
        switch engine {
        case "Auto", "Translator": translates = mayTranslate && Translation.isPossible
        case "Interpreter": translates = false
        case "Kvm": throw MachineError(.engineMissing, detail: engine)
        default: throw MachineError(.engineUnknown, detail: engine)
        }
        name = translates ? "Translator" : "Interpreter"
        isSecondChoice = engine != "Interpreter" && !translates
        isSlower = translates && !(mayUseBMI2 && Translation.hasBMI2)
        let group: EngineGroup
        do throws(EngineMemoryError) { group = try EngineGroup(memory: memory) } catch { throw MachineError(.memory, cause: error) }
        make = { handler, map, _ in
            try Interpreter(
                group: group, map: map, intercepts: handler, translating: translates, usesBMI2: mayUseBMI2,
                countsPrivileged: countsPrivileged)
        }
    }

    private static let models: [ProcessorModel] = [.qemu64]
}
