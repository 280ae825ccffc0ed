-- A database-like writer in a Debian server appends to its log, which it leaves in the guest's cache, then to its data, which it brings to
-- the disk: after a power cut its data may know more than its log. A production checkpoint, for which the guest holds its file systems
-- still, is consistent; the disk as a standard checkpoint has it, without its memory, is what a power cut leaves. “Scripts/guest-image server”
-- has put the server's disk into the cache folder.
local architecture = require "support.architecture"
local guest = require "support.guest"
local name = "database-scenario"

architecture.describe("integration services", "a database-like writer", function()
    local vm
    local must = guest.must

    -- A clone of a checkpoint whose guest boots; how many records its log and its data have.
    local function records(checkpoint)
        local clone = New-VM{ Name = name .. "-" .. checkpoint, FromCheckpoint = Get-VMSnapshot(vm, checkpoint) }
        if clone.State == "Saved" then Remove-VMSavedState(clone) end
        Start-VM(clone)
        Wait-VM{ VM = clone, For = "Console", Pattern = "server# ", Timeout = 400 }
        local counts = must(clone, "wc -l </root/log; wc -l </root/data")
        Stop-VM(clone, { TurnOff = true, Force = true })
        Remove-VM(clone, { Force = true })
        local log, data = counts:match("(%d+)%s+(%d+)")
        return math.tointeger(log), math.tointeger(data)
    end

    setup(function()
        vm = guest.startServer(guest.newServer{ Name = name })
        must(vm, "until systemctl is-active -q hv-vss-daemon || pgrep -f vss_daemon; do sleep 0.5; done")
        must(vm, "sync; (n=0; while :; do n=$((n+1)); echo record $n >>/root/log; echo record $n >>/root/data; sync -d /root/data; done) >/dev/null 2>&1 &")
        must(vm, "until [ $(wc -l </root/data) -gt 50 ]; do sleep 0.2; done")
    end)

    teardown(function()
        for machine in Get-VM() do
            if machine.State ~= "Off" then Stop-VM(machine, { TurnOff = true, Force = true }) end
        end
        Remove-VM(Get-VM(), { Force = true, DeleteDisks = true })
    end)

    it("is consistent in a production checkpoint, and not in the disk alone of a standard one", function()
        Set-VM{ VM = vm, CheckpointType = "ProductionOnly" }
        Checkpoint-VM(vm, "production")
        must(vm, "last=$(wc -l </root/data); until [ $(wc -l </root/data) -gt $((last+50)) ]; do sleep 0.2; done")
        Set-VM{ VM = vm, CheckpointType = "Standard" }
        Checkpoint-VM(vm, "standard")
        local log, data = records("production")
        assert.is_true(data > 50 and (log == data or log == data + 1), "log " .. log .. ", data " .. data)
        local lateLog, lateData = records("standard")
        assert.is_true(lateData > data + 50 and lateLog < lateData, "log " .. lateLog .. ", data " .. lateData)
        print("      production: log " .. log .. ", data " .. data .. "; disk of the standard one: log " .. lateLog .. ", data " .. lateData)
        must(vm, "last=$(wc -l </root/data); until [ $(wc -l </root/data) -gt $last ]; do sleep 0.2; done")
    end)
end)
