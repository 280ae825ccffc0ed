/// A help page that is no cmdlet's.
struct HelpTopic: Sendable {
    var name: String
    var synopsis: String
    var text: String

    static let all: [HelpTopic] = [
        .architectures, .checkpoints, .console, .errors, .export, .fromPowerShell, .guestServices, .jobs, .language,
        .ownCmdlets, .pipelines, .prompt, .scenarios, .sockets,
    ]

    /// By its name in any letter case, with or without `about_`.
    static func named(_ name: String) -> HelpTopic? {
        let wanted = name.lowercased()
        return all.first { $0.name.lowercased() == wanted || $0.name.lowercased() == "about_" + wanted }
    }

    private static let language = HelpTopic(
        name: "about_Language", synopsis: "The shell's language in short: Lua 5.4 with cmdlets.",
        text: """
            A program is Lua 5.4 with four additions.

            CMDLET NAMES     Get-VM is a value and a call: local vms = Get-VM. In any letter case. The function is Get_VM.
            SIZES            64KB 512MB 1.5GB 2TB are integers of bytes.
            VARIABLES        $name is the Lua variable name; $true, $false and $null are Lua's.
            COMMAND FORM     New-VM -Name web01 -MemoryStartupBytes 512MB
                             Get-VM | Where-Object { $_.State -eq 'Running' } | Sort-Object Uptime

            The function form is an ordinary Lua call, with ( { or a string directly after the name:

                local vm = New-VM{ Name = "web01", MemoryStartupBytes = 512MB }
                Stop-VM(vm, { TurnOff = true })

            Positional arguments stand where the real module has them. Parameter names match in any letter case and by
            unique prefix. An argument that is written but nil is an error, never "not given"; a table built elsewhere has
            lost its nil fields, which nobody can see.

            WHAT A CALL GIVES depends on how it is written, never on how many were found: one thing for a single name or
            object (Get-VM web01), a list otherwise (Get-VM web*). Get-Help NAME says which. Lists count from 1.

            A command as a statement shows its result; a function-form call in a script shows nothing.

            """)

    private static let pipelines = HelpTopic(
        name: "about_Pipelines", synopsis: "How objects go from cmdlet to cmdlet.",
        text: """
            Get-VM web* | Stop-VM -TurnOff

            An object binds to the parameter of its type, else by the name of a property. It goes on as soon as it is there,
            and a stage that has enough (Select-Object -First 1) stops those before it. Verbs on virtual machines work on up
            to -ThrottleLimit targets at once (default 32) and give their results in the order of the input.

            In a block { … } the current object is $_. The comparison words -eq -ne -gt -ge -lt -le -like -match -in -contains
            and their kin compare strings without regard to letter case; with c (-ceq) they do not.

            """)

    private static let errors = HelpTopic(
        name: "about_Errors", synopsis: "What a failure does, and how a script handles it.",
        text: """
            A call on several targets does all it can. In scripts (-ErrorAction Stop) it then raises: the failure itself if
            there was one, else an error with Errors and Results. At the prompt (Continue) each failure is shown and the call
            gives what succeeded. SilentlyContinue shows nothing; Ignore keeps no record either; Inquire asks.

            An error has Message, FullyQualifiedErrorId, Category, TargetObject and RecommendedAction. pcall catches it:

                local ok, e = pcall(Start_VM, "web01")
                if not ok then print(e.FullyQualifiedErrorId) end

            Remove-VM and Restart-VM ask. -Force, -Confirm:$false or $ConfirmPreference = "None" answers yes; where there is no
            terminal to ask at, the call fails before it touches anything.

            """)

    private static let console = HelpTopic(
        name: "about_Console", synopsis: "How to see and type on a guest's serial console.",
        text: """
            Connect-VMConsole web01                      connects the terminal; Ctrl-] comes back
            Receive-VMConsole web01 -Tail 20             the last lines, also after the machine has stopped
            Receive-VMConsole web01 -Follow              goes on until it stops
            Send-VMConsole web01 'uname -a'              types a line
            Wait-VM web01 -For Console -Pattern login:   waits for a text, also one printed before the call
            Wait-VM web01 -For Off                       waits until it has stopped

            """)

    private static let fromPowerShell = HelpTopic(
        name: "about_FromPowerShell", synopsis: "What PowerShell users write here.",
        text: """
            Each line of PowerShell, then the command form (or: the same) and the function form.

            \(FromPowerShell.table)
            Lists count from 1. A property that an object does not have is an error, not $null. A call gives one thing or a list
            by how it is written, never by how many were found. Double quotes expand $name in the command form only.

            Not here: remote hosts, modules, classes, providers other than files, redirection by > (Out-File writes a file).

            """)
}
