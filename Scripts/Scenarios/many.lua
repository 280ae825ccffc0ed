-- Many virtual machines at once, from one line each: started, asked and stopped. LUNAVISOR_MACHINES says how many (20).
local guest = require "support.guest"
local count = tonumber(os.getenv("LUNAVISOR_MACHINES") or 20)

describe(count .. " virtual machines #many", function()
    local golden

    setup(function()
        golden = guest.new{ Name = "golden", MemoryStartupBytes = 96MB }
        Set-VM{ VM = golden, CheckpointType = "Standard" }
        guest.start(golden)
        Checkpoint-VM(golden, "ready")
        Stop-VM{ VM = golden, TurnOff = true, Force = true }
    end)

    it("are cloned, started, asked and stopped", function()
        New-VM -Name many -FromCheckpoint (Get-VMSnapshot golden ready) -Count $count | Start-VM
        local all = Get-VM many*
        assert.are.equal(count, #all)
        assert.are.equal(count, #all:Where(function(vm) return vm.State == "Running" end))
        all | Send-VMConsole -Text 'echo answer-$((6 * 7))\n'
        all | Wait-VM -For Console -Pattern answer-42 -Timeout 300
        all | Stop-VM -TurnOff -Force
        assert.are.equal(0, #(Get-VM | Where-Object State -ne Off))
    end)
end)
