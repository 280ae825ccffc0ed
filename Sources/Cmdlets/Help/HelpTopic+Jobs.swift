extension HelpTopic {
    static let jobs = HelpTopic(
        name: "about_Jobs", synopsis: "Work beside the script: Start-Job, -AsJob, ForEach-Object -Parallel.",
        text: """
            Start-Job { … }                        runs a block in the background, in an interpreter of its own
            Stop-VM web* -AsJob                    runs a call in the background
            Get-VM | ForEach-Object -Parallel { … } -ThrottleLimit 8
                                                   runs a block for several objects at once, results in input order
            Get-Job, Wait-Job, Receive-Job, Stop-Job, Remove-Job

                $n = "web01"
                $job = Start-Job { Start-VM $using:n; Wait-VM $using:n -For Heartbeat }
                $job | Wait-Job -Timeout 120 | Receive-Job

            WHAT A BLOCK SEES    Nothing of the script but what $using:name copies and what -ArgumentList gives to its `...`.
                                 Objects of cmdlets become handles of the same things. Naming another local is an error
                                 that shows where. A function instead of a block is carried as compiled code; it may use no
                                 locals of the script. Cmdlets that the script declared are not there.

            WHAT A JOB GIVES     What the block shows and returns, in order. Text of print and Write-Host is shown when the
                                 job is received; failures are reported then, and make the job's state Failed.

            AT THE END           Jobs that still run when the script ends are stopped and named, and the exit code is 1, unless
                                 Wait-Job was called for them. Virtual machines are never stopped by that.

            Verbs on many targets need no jobs: Start-VM web* starts up to -ThrottleLimit machines at once.

            """)
}
