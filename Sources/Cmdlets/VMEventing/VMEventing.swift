extension Cmdlet {
    private static let always = "Objects here are read anew at each look, so there is nothing to turn on or off."

    /// `Enable-VMEventing`.
    static let enableVMEventing = eventing("Enable", "Keeps objects up to date, which they are in any case.")

    /// `Disable-VMEventing`.
    static let disableVMEventing = eventing("Disable", "Would stop keeping objects up to date; they are in any case.")

    private static func eventing(_ verb: String, _ synopsis: String) -> Cmdlet {
        Cmdlet(
            verb, "VMEventing", synopsis: synopsis, details: always, sets: [.init("Default", shape: .nothing)],
            parameters: [.force("There is nothing to ask.")] + Parameter.remote(sets: []),
            examples: [Example("\(verb)-VMEventing -Force", "Changes nothing.")], shouldProcess: true,
            body: .perCall { invocation in invocation.verbose(always) })
    }
}
