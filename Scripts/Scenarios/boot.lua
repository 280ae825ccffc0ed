-- An unmodified Debian kernel boots in a child partition, recognises Hyper-V where it is shown, and obeys its console.
local architecture = require "support.architecture"
local guest = require "support.guest"
local isApart = not architecture.lacks("a worker of its own")

describe("a Debian guest with two processors", function()
    local vm

    setup(function()
        vm = guest.new{
            Name = "scenario", MemoryStartupBytes = 256MB, KernelArguments = "console=ttyS0 loglevel=8 panic=-1 cryptomgr.notests",
        }
        Set-VMProcessor{ VM = vm, Count = 2 }
        Start-VM(vm)
        Wait-VM{ VM = vm, For = "Console", Pattern = "== ready ==", Timeout = 300 }
    end)

    teardown(function()
        if vm.State ~= "Off" then Stop-VM(vm, { TurnOff = true, Force = true }) end
    end)

    architecture.it("a hypervisor that is shown", "recognises Microsoft Hyper-V", function()
        Wait-VM{ VM = vm, For = "Console", Pattern = "Hypervisor detected: Microsoft Hyper-V", Timeout = 5 }
    end)

    it("reaches user space on both processors", function()
        Wait-VM{ VM = vm, For = "Console", Pattern = "processors: 2", Timeout = 5 }
    end)

    it("reads and writes no register that is not there", function()
        local text = table.concat(Receive-VMConsole{ VM = vm }, "\n")
        assert.is_nil(text:find("unchecked MSR access", 1, true))
    end)

    it("answers at its console", function()
        Send-VMConsole(vm, "echo answer-$((6 * 7))\n")
        Wait-VM{ VM = vm, For = "Console", Pattern = "answer-42", Timeout = 60 }
    end)

    it("is seen as a child of the root partition", function()
        local child
        for p in Get-Partition do
            if p.Name == "scenario" then child = p end
        end
        assert.is_not_nil(child)
        assert.are.equal(1, child.ParentId)
        assert.are.equal(2, child.VirtualProcessorCount)
    end)

    it("pauses and goes on", function()
        Suspend-VM(vm)
        assert.are.equal("Paused", vm.State)
        Resume-VM(vm)
        Send-VMConsole(vm, "echo again-$((7 * 7))\n")
        Wait-VM{ VM = vm, For = "Console", Pattern = "again-49", Timeout = 60 }
    end)

    it("is saved and goes on" .. (isApart and " in a new worker" or ""), function()
        local before = vm.WorkerProcessId
        Save-VM(vm)
        assert.are.equal("Saved", vm.State)
        Start-VM(vm)
        if isApart then assert.are_not.equal(before, vm.WorkerProcessId) end
        Send-VMConsole(vm, "echo restored-$((8 * 8))\n")
        Wait-VM{ VM = vm, For = "Console", Pattern = "restored-64", Timeout = 60 }
    end)

    it("powers off from inside", function()
        Send-VMConsole(vm, "poweroff\n")
        Wait-VM{ VM = vm, For = "Off", Timeout = 120 }
        assert.are.equal("Off", vm.State)
    end)
end)
