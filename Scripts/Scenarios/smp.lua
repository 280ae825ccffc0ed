-- Several virtual processors: the guest finds them, all of them work, they interrupt each other, and they are saved together.
local guest = require "support.guest"

describe("a guest with four processors #smp", function()
    local ask = guest.ask

    local booted = fixture("four", function()
        local vm = guest.new{ Name = "original", MemoryStartupBytes = 192MB }
        Set-VMProcessor{ VM = vm, Count = 4 }
        return guest.start(vm)
    end)

    it("finds all of them", function()
        local vm = booted()
        assert.are.equal("4", ask(vm, "nproc"))
        assert.are.equal(4, #Get-VirtualProcessor(vm))
    end)

    it("does work on each of them", function()
        local vm = booted()
        for number = 0, 3 do
            assert.are.equal("sum 5050", ask(vm, "taskset -c " .. number
                .. " sh -c 's=0; i=0; while [ $i -lt 100 ]; do i=$((i+1)); s=$((s+i)); done; echo sum $s'"))
        end
    end)

    it("interrupts each processor from others", function()
        local vm = booted()
        -- Rescheduling and function call interrupts, which only another processor sends, on each processor.
        local function counts()
            local text = ask(vm, "awk '/^ *(RES|CAL):/ { for (i = 0; i < 4; i++) n[i] += $(i + 2) } END { print n[0], n[1], n[2], n[3] }' /proc/interrupts")
            return { text:match("(%d+) (%d+) (%d+) (%d+)") }
        end
        local before, after = counts(), nil
        local function isInterrupted(i) return tonumber(after[i]) > tonumber(before[i]) end
        for _ = 1, 20 do
            ask(vm, "for c in 0 1 2 3; do taskset -c $c sh -c 'for i in 1 2 3 4 5; do usleep 1000; done' & done; wait")
            after = counts()
            if isInterrupted(1) and isInterrupted(2) and isInterrupted(3) and isInterrupted(4) then break end
        end
        for i = 1, 4 do assert.is_true(isInterrupted(i), "processor " .. i - 1 .. ": " .. before[i] .. ", then " .. after[i]) end
    end)

    it("is saved and restored while all of them work", function()
        local vm = booted()
        ask(vm, "for c in 0 1 2 3; do (taskset -c $c sh -c 'while [ ! -e /tmp/stop ]; do :; done; echo out >>/tmp/done') >/dev/null 2>&1 & done")
        Save-VM(vm)
        Start-VM(vm)
        assert.are.equal("4", ask(vm, "touch /tmp/stop; until [ $(cat /tmp/done 2>/dev/null | wc -l) -eq 4 ]; do usleep 100000; done; wc -l </tmp/done"))
    end)
end)
