import Cmdlets
import Shell
import Testing

/// Jobs, -AsJob and -Parallel as a script sees them.
@Suite("Jobs", .serialized)
struct JobTests {
    private static let machines =
        "New-VM -Name web1 -NoVHD | Out-Null; New-VM -Name web2 -NoVHD | Out-Null\n"

    @Test(
        "Jobs give what they should",
        arguments: [
            ("Start-Job { 1 + 1 } | Wait-Job | Receive-Job", "2\n"),
            ("local n = 20; local j = Start-Job { $using:n + 1 }; print((Receive-Job $j -Wait)[1])", "21\n"),
            ("Start-Job { (Get-VM web1).Name } | Receive-Job -Wait", "web1\n"),
            // An object goes over as a handle of the same thing.
            ("local vm = Get-VM web2; print((Start-Job { $using:vm.Name } | Receive-Job -Wait)[1])", "web2\n"),
            ("local j = Start-Job { ... } -ArgumentList 5; print((Receive-Job $j -Wait)[1])", "5\n"),
            (
                "local f = function(a, b) return a .. b end; print(Receive-Job(Start-Job(f, {ArgumentList = {'x', 'y'}}), {Wait = true})[1])",
                "xy\n"
            ),
            // What the block shows and what it returns, in order.
            ("Start-Job { Get-VM web1 | % Name; Write-Output 'shown'; return 'last' } | Receive-Job -Wait", "web1\nshown\nlast\n"),
            (
                "local j = Start-Job { 3 } -Name three | Wait-Job; print(j.Name, j.State, j.HasMoreData, (Get-Job three).Id == j.Id)",
                "three\tCompleted\ttrue\ttrue\n"
            ),
            ("local j = Start-Job { 3 } | Wait-Job; print(#Receive-Job(j, {Keep=true}), #Receive-Job(j), #Receive-Job(j))", "1\t1\t0\n"),
            ("Start-Job { while true do end } | Stop-Job; print((Get-Job).State[1])", "Stopped\n"),
            ("local j = Start-Job { error('broken') } | Wait-Job; print(j.State, j.StatusMessage)", "Failed\tbroken\n"),
            ("Start-Job { 1 } | Wait-Job | Remove-Job; print(#Get-Job())", "0\n"),
            // A finally function of a job that is stopped runs.
            (
                "local j = Start-Job { try(function() while true do end end, nil, function() Write-Output 'cleaned' end) }; Start-Sleep -Milliseconds 200; Stop-Job $j; Receive-Job $j",
                "cleaned\n"
            ),
            ("Get-VM | ForEach-Object -Parallel { $_.Name } -ThrottleLimit 2", "web1\nweb2\n"),
            (
                "local t = {} for i = 1, 40 do t[i] = i end; print(table.concat(($t | ForEach-Object -Parallel { $_ * 2 }), ',', 38))",
                "76,78,80\n"
            ),
            ("Stop-VM web1 -TurnOff -Passthru -AsJob -WarningAction SilentlyContinue | Wait-Job | Receive-Job | % Name", "web1\n"),
            ("local j = Start-VM web* -AsJob | Wait-Job; print(j.State, #j.Error, j.PSJobTypeName)", "Failed\t1\tVirtualizationJob\n"),
        ])
    func gives(_ program: String, _ expected: String) throws {
        let trial = try Trial.run(Self.machines + program)
        #expect(trial.error == "")
        #expect(trial.output == expected)
        #expect(trial.code == 0)
    }

    @Test(
        "What a job cannot take along is an error at its place",
        arguments: [
            ("local x = 1\nStart-Job { x + 1 }", "-c:2: `x` is a local outside of this block"),
            ("local x = 1\nStart-Job {\n  print($x)\n}", "-c:3: `x` is a local outside of this block"),
            ("print($using:x)", "`$using:x` belongs in a block that runs in an interpreter of its own"),
            ("Start-Job { $using:nothing }", "“nothing” has no value"),
            ("local f = print; Start-Job { $using:f }", "cannot be carried"),
            ("local x = 1; Start-Job(function() return x end)", "The function uses “x”"),
            ("Start-Job(string.rep)", "is not written in Lua"),
        ])
    func refuses(_ program: String, _ message: String) throws {
        let trial = try Trial.run(program)
        #expect(trial.code == 1)
        #expect(trial.error.contains(message), "\(trial.error)")
    }

    @Test("Inside of a block its own locals, parameters and loop variables are its own")
    func ownNames() throws {
        let program = """
            local n = 2
            Start-Job {
                local x = $using:n
                local function double(y) return y * 2 end
                for i = 1, 2 do x = x + i end
                for _, v in ipairs{ 4 } do x = x + v end
                repeat local z = x until z
                return double(x)
            } | Receive-Job -Wait
            """
        let trial = try Trial.run(program)
        #expect(trial.error == "")
        #expect(trial.output == "18\n")
    }

    @Test("An error in a job says the script's own line and is raised when it is received")
    func errorsKeepTheirPlace() throws {
        let trial = try Trial.run("local j = Start-Job {\n  Get-VM nix\n}\nWait-Job $j | Out-Null\nReceive-Job $j")
        #expect(trial.code == 1)
        #expect(trial.error.hasPrefix("-c:2: There is no VM “nix”"), "\(trial.error)")
    }

    @Test("Text of a job is shown when it is received")
    func textWaits() throws {
        let trial = try Trial.run("local j = Start-Job { print 'from the job' } | Wait-Job\nprint 'first'\nReceive-Job $j")
        #expect(trial.output + trial.host == "first\nfrom the job\n")
    }

    @Test("A job that nobody waits for is stopped at the end, named, and makes the script fail")
    func forgotten() throws {
        let trial = try Trial.run("Start-Job { while true do end } -Name endless | Out-Null")
        #expect(trial.code == 1)
        #expect(trial.error.contains("The job “endless” still ran at the end and was stopped."), "\(trial.error)")
        let waited = try Trial.run("Start-Job { while true do end } | Wait-Job -Timeout 0.1 | Out-Null")
        #expect(waited.code == 0)
        #expect(waited.error == "")
    }

    @Test("A job starts a job, with what it was given")
    func nested() throws {
        let trial = try Trial.run(
            "local n = 3; Start-Job { local m = $using:n + 1; Start-Job { $using:m * 2 } | Receive-Job -Wait } | Receive-Job -Wait")
        #expect(trial.error == "")
        #expect(trial.output == "8\n")
    }

    @Test("A failure of one object under -Parallel leaves the others' results")
    func parallelFailure() throws {
        let trial = try Trial.run(
            "local r = ({1, 2, 3}) | ForEach-Object -Parallel { if $_ == 2 then error('two') end return $_ } -ErrorAction SilentlyContinue -ErrorVariable e\nprint(table.concat(r, ','), #e, e[1].Message)"
        )
        #expect(trial.error == "")
        #expect(trial.output == "1,3\t1\ttwo\n")
    }
}
