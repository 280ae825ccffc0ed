-- Hosted: one process runs all machines of this architecture, and they share its fate; the others do not.
local guest = require "support.guest"

describe("machines in one process #hosted", function()
    local function new(name, architecture)
        return guest.new{ Name = name, Architecture = architecture, MemoryStartupBytes = 128MB }
    end

    -- One that has ended and that nobody has collected yet does not.
    local function lives(process)
        local file = io.open("/proc/" .. process .. "/stat")
        if not file then return false end
        local state = file:read("a"):match("%) (%a)")
        file:close()
        return state ~= "Z"
    end

    local function becomes(vm, state)
        for _ = 1, 400 do
            if vm.State == state then return end
            Start-Sleep(0.05)
        end
        error(vm.Name .. " is " .. vm.State)
    end

    it("all end when it is killed, one of another architecture does not, and they start again", function()
        local first, second, other = new("first", "Hosted"), new("second", "Hosted"), new("other", "Microkernel")
        for _, vm in ipairs{ first, second, other } do guest.start(vm) end
        local process = first.WorkerProcessId
        assert.are.equal(process, second.WorkerProcessId)
        assert.are_not.equal(process, other.WorkerProcessId)
        assert.are_not.equal(first.PartitionId, second.PartitionId)
        os.execute("kill -9 " .. process)
        becomes(first, "Off")
        becomes(second, "Off")
        assert.are.equal("Running", other.State)
        for _, vm in ipairs{ first, second } do
            assert.are.equal(1, #Get-VMEvent(vm):Where(function(e) return e.Level == "Critical" end))
        end
        assert.is_truthy(guest.ask(other, "echo alive-$((6 * 7))"):find("alive-42", 1, true))
        local before = Get-Date
        Start-VM(first)
        Wait-VM{ VM = first, For = "Console", Pattern = "guest# ", Since = before, Timeout = 300 }
        assert.are_not.equal(process, first.WorkerProcessId)
    end)

    it("come and go by themselves, and the process ends after the last", function()
        local first, second = new("third", "Hosted"), new("fourth", "Hosted")
        guest.start(first)
        local process = first.WorkerProcessId
        guest.start(second)
        assert.are.equal(process, second.WorkerProcessId)
        -- Saved and going on, beside the other.
        Save-VM(first)
        assert.are.equal("Saved", first.State)
        assert.are.equal("Running", second.State)
        Start-VM(first)
        assert.are.equal(process, first.WorkerProcessId)
        assert.is_truthy(guest.ask(first, "echo back-$((6 * 7))"):find("back-42", 1, true))
        Stop-VM{ VM = first, TurnOff = true, Force = true }
        assert.is_truthy(lives(process))
        assert.is_truthy(guest.ask(second, "echo alive-$((6 * 7))"):find("alive-42", 1, true))
        Stop-VM{ VM = second, TurnOff = true, Force = true }
        for _ = 1, 200 do
            if not lives(process) then break end
            Start-Sleep(0.05)
        end
        assert.is_falsy(lives(process))
    end)
end)
