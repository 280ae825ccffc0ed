-- A worker that dies takes its machine with it and nothing else: the others run on, the reason is told, and the machine starts again.
local architecture = require "support.architecture"
local guest = require "support.guest"

describe("the death of a worker #crash", function()
    local booted = fixture("mortal", function()
        return guest.start(guest.new{ Name = "original" })
    end)

    local function kill(vm)
        os.execute("kill -9 " .. vm.WorkerProcessId)
        for _ = 1, 200 do
            if vm.State == "Off" then return end
            Start-Sleep(0.05)
        end
        error("it is " .. vm.State)
    end

    architecture.it("a worker of its own", "stops its machine and no other, and says why", function()
        local victim, other = booted(), booted()
        local worker = other.WorkerProcessId
        kill(victim)
        assert.are.equal("Running", other.State)
        assert.are.equal(worker, other.WorkerProcessId)
        Send-VMConsole(other, "echo alive-$((6 * 7))\n")
        Wait-VM{ VM = other, For = "Console", Pattern = "alive-42", Timeout = 60 }
        local critical = Get-VMEvent(victim):Where(function(e) return e.Level == "Critical" end)
        assert.are.equal(1, #critical)
    end)

    it("leaves a machine that starts again", function()
        local vm = booted()
        kill(vm)
        local before = Get-Date
        Start-VM(vm)
        Wait-VM{ VM = vm, For = "Console", Pattern = "== ready ==", Since = before, Timeout = 300 }
    end)

    it("ends a wait for the machine with an error, not with a hang", function()
        local vm = booted()
        local worker = vm.WorkerProcessId
        os.execute("(sleep 0.5; kill -9 " .. worker .. ") &")
        local good, problem = pcall(Wait_VM, { VM = vm, For = "Console", Pattern = "never", Timeout = 60 })
        assert.is_false(good)
        assert.are_not.equal("WaitTimeout", problem.FullyQualifiedErrorId)
    end)

    it("is what a guest's triple fault is not: that one resets or stops the machine with an event", function()
        local vm = booted()
        Send-VMConsole(vm, "echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger\n")
        Wait-VM{ VM = vm, For = "Console", Pattern = "sysrq triggered crash|Kernel panic", Timeout = 120 }
        assert.is_true(#Get-VMEvent(vm) > 0)
    end)
end)
