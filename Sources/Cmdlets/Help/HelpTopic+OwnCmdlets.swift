extension HelpTopic {
    static let ownCmdlets = HelpTopic(
        name: "about_OwnCmdlets", synopsis: "How a script declares cmdlets of its own, and its own parameters.",
        text: """
            cmdlet{
                Verb = "Get", Noun = "Idle", Synopsis = "Gets machines that use little processor time.",
                Parameters = {
                    { "Name", Type = "String", Summary = "Names; wildcards are accepted.", Default = "*" },
                    { "Below", Type = "Int32", Minimum = 1, Maximum = 100, Default = 5 },
                    Quiet = "Switch",
                },
                Process = function(p)
                    return (Get-VM $p.Name):Where(function(vm) return vm.CPUUsage < p.Below end)
                end,
            }
            Get-Idle web* -Below 10 | Save-VM

            It has help, completion, checking and pipeline binding like a built-in one.

            FIELDS        Verb (an approved one) and Noun, or Name; Synopsis, Details, Aliases, Parameters, Output, Examples;
                          Shape = "one", "many" (the default) or "nothing"; SupportsShouldProcess = true gives -WhatIf and
                          -Confirm. Process is called with the arguments and the pipeline's object, once for each object; a
                          list that it returns goes on value by value.
            PARAMETERS    In order (with positions) or by name (without). Type is one of String, Path, Int32, Int64, Size,
                          Double, Boolean, Switch, TimeSpan, DateTime, Guid, ScriptBlock, Table, VM, VMName, Any, with [] for a
                          list. Further: Summary, Aliases, Mandatory, Position, Default, Values (the words it accepts), Minimum,
                          Maximum, Pipeline ("ByValue", "ByPropertyName"), Remaining, AllowEmpty.

            A script's own parameters stand at its head:

                -- Makes a lab of servers on a private switch.
                local p = param{
                    { "Count", Type = "Int32", Default = 3, Summary = "How many servers." },
                    Prefix = { Type = "String", Default = "lab" },
                }

            `lunavisor lab.lua 5 -Prefix test -Verbose` binds them: each is a variable ($Count), and all are fields of what
            param gives. Wrong words are an error with exit code 2. `lunavisor help lab.lua` explains them.

            """)
}
