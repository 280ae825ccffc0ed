-- The life of a virtual machine: made, started, paused, saved, reset, renamed, stopped, removed; and what each state refuses.
local architecture = require "support.architecture"
local guest = require "support.guest"
local isApart = not architecture.lacks("a worker of its own")

-- The identifier of the error that an action ends with.
local function refusal(action)
    local good, problem = pcall(action)
    assert.is_false(good, "it was not refused")
    return problem.FullyQualifiedErrorId
end

describe("a virtual machine", function()
    -- It boots once; each case gets a clone that goes on from there.
    local booted = fixture("booted", function()
        return guest.start(guest.new{ Name = "original" })
    end)

    local function answers(vm, number)
        Send-VMConsole(vm, "echo answer-$((" .. number .. " * 2))\n")
        Wait-VM{ VM = vm, For = "Console", Pattern = "answer-" .. number * 2, Timeout = 60 }
    end

    it("is there once it is made, and gone once it is removed", function()
        local vm = guest.new{ Name = "made" }
        assert.are.equal("Off", vm.State)
        assert.are.equal(vm, Get-VM("MADE"))
        assert.are.equal("VMNameExists", refusal(function() guest.new{ Name = "Made" } end))
        Remove-VM{ VM = vm, Force = true }
        assert.are.equal("VMNotFound", refusal(function() Get-VM("made") end))
        assert.is_true(vm.IsDeleted)
    end)

    it("runs, pauses and goes on", function()
        local vm = booted()
        answers(vm, 21)
        Suspend-VM(vm)
        assert.are.equal("Paused", vm.State)
        local before = vm.Uptime
        Start-Sleep(0.3)
        assert.are.equal(before.TotalSeconds, vm.Uptime.TotalSeconds)
        Resume-VM(vm)
        answers(vm, 22)
    end)

    it("goes on " .. (isApart and "in a new process " or "") .. "after it was saved", function()
        local vm = booted()
        local worker = vm.WorkerProcessId
        Send-VMConsole(vm, "echo kept >/tmp/kept\n")
        answers(vm, 31)
        Save-VM(vm)
        assert.are.equal("Saved", vm.State)
        Start-VM(vm)
        if isApart then assert.are_not.equal(worker, vm.WorkerProcessId) end
        Send-VMConsole(vm, "cat /tmp/kept | tr a-z A-Z\n")
        Wait-VM{ VM = vm, For = "Console", Pattern = "KEPT", Timeout = 60 }
    end)

    it("loses its saved state only when told", function()
        local vm = booted()
        Save-VM(vm)
        Remove-VMSavedState(vm)
        assert.are.equal("Off", vm.State)
    end)

    it("boots again after a reset", function()
        local vm = booted()
        local before = Get-Date
        Restart-VM{ VM = vm, Force = true }
        assert.are.equal("Running", vm.State)
        Wait-VM{ VM = vm, For = "Console", Pattern = "== ready ==", Since = before, Timeout = 300 }
    end)

    architecture.it("the VMBus", "says what its kernel crashed with, and restarts as that wants", function()
        local vm = booted()
        local before = Get-Date
        Send-VMConsole(vm, "echo c >/proc/sysrq-trigger\n")
        Wait-VM{ VM = vm, For = "Console", Pattern = "== ready ==", Since = before, Timeout = 300 }
        local crash
        for event in Get-VMEvent(vm) do
            if event.Kind == "GuestCrashed" then crash = event end
        end
        assert.is_truthy(crash.GuestText:find("sysrq triggered crash", 1, true), crash.GuestText)
    end)

    it("is renamed while it runs", function()
        local vm = booted()
        Rename-VM(vm, "other")
        assert.are.equal("other", vm.Name)
        assert.are.equal(vm, Get-VM("other"))
        answers(vm, 41)
    end)

    it("refuses what its state forbids, and says what to do", function()
        local vm = booted()
        assert.are.equal("InvalidState", refusal(function() Set-VMProcessor{ VM = vm, Count = 4 } end))
        assert.are.equal("InvalidState", refusal(function() Remove-VM{ VM = vm, Force = true } end))
        answers(vm, 51)
        Stop-VM{ VM = vm, TurnOff = true, Force = true }
        assert.are.equal("InvalidState", refusal(function() Suspend-VM(vm) end))
    end)

    it("is refused memory that the host has not", function()
        local host = Get-VMHost
        -- More is refused when it is set.
        if host.MemoryCapacity >= 1TB then return end
        local vm = guest.new{ Name = "large" }
        Set-VMMemory{ VM = vm, StartupBytes = 1TB }
        assert.are.equal("NotEnoughMemory", refusal(function() Start-VM(vm) end))
        assert.are.equal("Off", vm.State)
        Set-VMMemory{ VM = vm, StartupBytes = 128MB }
        Start-VM(vm)
    end)

    it("stops when its guest powers off", function()
        local vm = booted()
        Send-VMConsole(vm, "poweroff\n")
        Wait-VM{ VM = vm, For = "Off", Timeout = 120 }
        assert.are.equal("Off", vm.State)
        assert.are.equal(0, #(Get-VMEvent(vm):Where(function(e) return e.Level == "Critical" end)))
    end)
end)
