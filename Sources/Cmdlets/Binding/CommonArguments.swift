/// The common parameters of one call, as given.
struct CommonArguments: Sendable {
    /// A variable to assign; written `+name` it is added to.
    struct Variable: Sendable {
        var name: String
        var isAppending: Bool
    }

    var errorAction: ErrorAction?
    var warningAction: ErrorAction?
    var informationAction: ErrorAction?
    var isVerbose: Bool?
    var confirm: Bool?
    var whatIf: Bool?
    var throttleLimit = 32
    var errorVariable: Variable?
    var warningVariable: Variable?
    var informationVariable: Variable?
    var outVariable: Variable?
    var pipelineVariable: Variable?

    mutating func set(_ name: String, _ value: Value) throws {
        switch name {
        case "ErrorAction": errorAction = ErrorAction(rawValue: value.text)
        case "WarningAction": warningAction = ErrorAction(rawValue: value.text)
        case "InformationAction": informationAction = ErrorAction(rawValue: value.text)
        case "Verbose": isVerbose = value.booleanValue
        case "Confirm": confirm = value.booleanValue
        case "WhatIf": whatIf = value.booleanValue
        case "ThrottleLimit": throttleLimit = value.integerValue.map { Int($0) } ?? throttleLimit
        case "ErrorVariable": errorVariable = variable(value)
        case "InformationVariable": informationVariable = variable(value)
        case "WarningVariable": warningVariable = variable(value)
        case "OutVariable": outVariable = variable(value)
        case "PipelineVariable": pipelineVariable = variable(value)
        default: break
        }
    }

    private func variable(_ value: Value) -> Variable {
        let text = value.text
        let isAppending = text.hasPrefix("+")
        let name = isAppending ? String(text.dropFirst()) : text
        return Variable(name: name.hasPrefix("$") ? String(name.dropFirst()) : name, isAppending: isAppending)
    }
}
