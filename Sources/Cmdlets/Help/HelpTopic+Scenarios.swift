extension HelpTopic {
    static let scenarios = HelpTopic(
        name: "about_Scenarios", synopsis: "Scripted tests of whole machines: how to write and run them.",
        text: """
            A scenario is a program in the words of Lua's busted and luassert:

            describe("a web server", function()
                local server = fixture("booted", function()       -- made ready once per file
                    local vm = New-VM{ Name = "golden", … }
                    Start-VM(vm)
                    Wait-VM{ VM = vm, For = "Console", Pattern = "login:", Timeout = 300 }
                    return vm
                end)
                it("answers #quick", function()
                    local vm = server()                            -- a clone that goes on from there, gone afterwards
                    assert.are.equal("Running", vm.State)
                end)
            end)

            describe it pending      groups, cases, and what is not there yet (with its reason)
            setup teardown           before the first and after the last case of a group
            before_each after_each   around each case; finally(function) inside one, whatever comes
            pending("why")           inside a case: it cannot run here; inside setup: no case of the group can

            lunavisor test FILE…     runs files, and the *.lua files of folders, each in a process and a store of its own
              --jobs N               several files at once
              --tag WORD             only cases with #WORD in their names; --filter TEXT by name; --list names them only
              --repeat N --seed N    again and again; math.random gives the same numbers for the same seed
              --tap FILE             results as TAP, --junit FILE as JUnit XML, - for standard output
              --keep FOLDER          where the consoles and events of failed cases go (else among the temporary files)

            What files have in common is a module beside them (require "support.guest" finds support/guest.lua); folders in a folder
            hold no scenarios.

            What a case left running is turned off. A failure tells both values, the line, the last lines of each console, the last
            events, and the command that runs this case again. Exit codes: 0; 1 for a failure or a file that cannot be loaded; 2 when
            no case was found; 130 after Ctrl-C, when the case has cleaned up.

            """)
}
