extension Cmdlet {
    /// `Out-Null`: takes objects and gives nothing.
    static let outNull = Cmdlet(
        "Out", "Null", synopsis: "Drops what it gets.", sets: [.init("Default", shape: .nothing)], parameters: [.inputObject],
        examples: [Example("New-VM scratch | Out-Null", "Makes a virtual machine and shows nothing.")],
        inputFirst: true, body: .each { _, _ in })
}
