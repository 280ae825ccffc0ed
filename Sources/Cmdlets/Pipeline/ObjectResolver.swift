import Basics
import Management

/// Finds the live objects that names stand for.
enum ObjectResolver {
    /// The targets a bound argument means. A name without wildcards that nothing has is an error; a pattern that matches nothing
    /// is told through `warn`.
    static func resolve(
        _ value: Value, of type: ParameterType, _ cmdlet: Cmdlet, _ context: any ExecutionContext, warn: (String) -> Void
    ) throws -> [any LiveObject] {
        if case .object(let object) = value { return [object] }
        let name = value.text
        if case .name(of: "VMSwitch") = type {
            guard WildcardPattern.isPattern(name) else { return [VirtualSwitchObject(try context.host.virtualSwitch(named: name))] }
            let found = try context.host.switches(matching: name)
            if found.isEmpty, cmdlet.verb != "Get" { warn("\(cmdlet.name): no virtual switch matches “\(name)”.") }
            return found.map { VirtualSwitchObject($0) }
        }
        guard WildcardPattern.isPattern(name) else {
            return [VirtualMachineObject(try context.host.machine(named: name))]
        }
        let found = try context.host.machines(matching: name)
        if found.isEmpty, cmdlet.verb != "Get" { warn("\(cmdlet.name): no virtual machine matches “\(name)”.") }
        return found.map { VirtualMachineObject($0) }
    }

    /// Every virtual machine, for a target parameter that may be left out.
    static func all(_ context: any ExecutionContext) throws -> [any LiveObject] {
        try context.host.machines().map { VirtualMachineObject($0) }
    }
}
