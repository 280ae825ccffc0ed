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

/// For bodies that are called once.
extension Invocation {
    /// The live objects that a bound argument means.
    private func objects(_ value: Value, of noun: String) throws -> [any LiveObject] {
        try ObjectResolver.resolve(value, of: .name(of: noun), cmdlet, context) { warn($0) }
    }

    /// The virtual machines that the first of these list parameters that is given names; nil: none is. A name that nothing has is thrown.
    func givenMachines(_ parameters: String...) throws -> [VirtualMachine]? {
        try parameters.compactMap { list($0) }.first?.flatMap { try objects($0, of: "VirtualMachine") }.map { try $0.virtualMachine() }
    }

    /// As `givenMachines`, of virtual switches.
    func givenSwitches(_ parameters: String...) throws -> [VirtualSwitch]? {
        try parameters.compactMap { list($0) }.first?.flatMap { try objects($0, of: "VMSwitch") }.map { try $0.virtualSwitch() }
    }

    /// The virtual machines that all of these list parameters name; a name that nothing has is reported, and the others follow.
    /// `isNamed`: it was named itself, not found by a pattern.
    func machines(_ parameters: [String]) throws -> [(machine: VirtualMachine, isNamed: Bool)] {
        var found: [(VirtualMachine, Bool)] = []
        for value in parameters.flatMap({ list($0) ?? [] }) {
            do {
                let isNamed = value.stringValue.map { !WildcardPattern.isPattern($0) } ?? true
                for object in try objects(value, of: "VirtualMachine") { found.append((try object.virtualMachine(), isNamed)) }
            } catch {
                try report(error)
            }
        }
        return found
    }
}
