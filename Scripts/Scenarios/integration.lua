-- Integration services as the kernel itself gives them: heartbeat, shutdown and time; and what is refused without the guest's daemons.
local architecture = require "support.architecture"
local guest = require "support.guest"

describe("integration services #integration", function()
    local booted = fixture("integrated", function()
        local vm = guest.start(guest.new{ Name = "original" })
        if not architecture.lacks("integration services") then Wait-VM{ VM = vm, For = "Heartbeat", Timeout = 120 } end
        return vm
    end)

    local function service(vm, name) return Get-VMIntegrationService{ VM = vm, Name = name } end

    architecture.it("integration services", "have a heartbeat that goes on in a clone", function()
        local vm = booted()
        Wait-VM{ VM = vm, For = "Heartbeat", Timeout = 60 }
        assert.are.equal("OK", service(vm, "Heartbeat").PrimaryStatusDescription)
    end)

    architecture.it("integration services", "shut the guest down when asked", function()
        local vm = booted()
        Stop-VM(vm)
        assert.are.equal("Off", vm.State)
        local last = Get-VMEvent(vm)
        assert.are.equal(0, #last:Where(function(e) return e.Level == "Critical" end))
    end)

    architecture.it("integration services", "set the guest's clock after it was saved", function()
        local vm = booted()
        Save-VM(vm)
        Start-Sleep(3)
        Start-VM(vm)
        local off = math.huge
        for _ = 1, 30 do
            Send-VMConsole(vm, "echo now=$(date +%s)=\n")
            local before = Get-Date
            Wait-VM{ VM = vm, For = "Console", Pattern = "now=[0-9]+=", Timeout = 60 }
            local text = table.concat(Receive-VMConsole{ VM = vm, Tail = 4 }, "\n")
            local time
            for found in text:gmatch("now=(%d+)=") do time = tonumber(found) end
            off = math.abs(os.time() - (time or 0))
            if off <= 2 then break end
            Start-Sleep(1)
        end
        assert.is_true(off <= 2, "the guest's clock is " .. off .. " s off")
    end)

    it("can be switched off and on while the guest runs", function()
        local vm = booted()
        Disable-VMIntegrationService{ VM = vm, Name = "Heartbeat" }
        assert.is_false(service(vm, "Heartbeat").Enabled)
        Enable-VMIntegrationService{ VM = vm, Name = "Heartbeat" }
        assert.is_true(service(vm, "Heartbeat").Enabled)
    end)

    it("say what is missing when a file is to be copied to a guest without the daemon", function()
        local vm = booted()
        Enable-VMIntegrationService{ VM = vm, Name = "Guest Service Interface" }
        local file = os.tmpname()
        local good, problem = pcall(Copy_VMFile, { VM = vm, SourcePath = file, DestinationPath = "/tmp/x", FileSource = "Host" })
        os.remove(file)
        assert.is_false(good)
        assert.is_truthy(#tostring(problem) > 20, tostring(problem))
    end)
end)
