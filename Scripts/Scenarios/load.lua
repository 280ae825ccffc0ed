-- A guest under disk, network and timer load is checkpointed and goes back, many times, together with the sibling that it talks to by TCP:
-- both from the same instant. What it reads from its disk is what it wrote, the stream has neither gap nor repetition, and clocks make
-- sense. Where there is no network card the sibling sleeps and wakes. LUNAVISOR_LOAD_ROUNDS sets how many rounds there are (24).
local architecture = require "support.architecture"
local guest = require "support.guest"
local rounds = math.tointeger(os.getenv("LUNAVISOR_LOAD_ROUNDS") or 24)

describe("two guests under load", function()
    local vms = {}
    local ask, pairsMade = guest.ask, {}
    local disk = os.tmpname()
    local isNetworked = not architecture.lacks("a network card")
    -- Of which machine, and what.
    local loads = { { 1, "disk" }, { 1, "timer" }, { 2, isNetworked and "stream" or "timer" } }

    local function counter(vm, name) return math.tointeger(ask(vm, "cat /tmp/" .. name)) or 0 end

    -- Each load counts what it has done; a complaint stops the test.
    local function expectProgress()
        local before = {}
        for _, load in ipairs(loads) do before[load] = counter(vms[load[1]], load[2]) end
        local finish = os.time() + 120
        for load, count in pairs(before) do
            while counter(vms[load[1]], load[2]) <= count do
                assert.is_true(os.time() < finish, load[2] .. " stands at " .. count)
                Start-Sleep(0.1)
            end
        end
        for i, vm in ipairs(vms) do assert.are.equal("fine", ask(vm, "cat /tmp/bad || echo fine"), vm.Name) end
    end

    local function untilMerged(vm)
        local finish = os.time() + 120
        while Get-VM(vm.Name).Status ~= "Operating normally" do
            assert.is_true(os.time() < finish, Get-VM(vm.Name).Status)
            Start-Sleep(0.05)
        end
    end

    setup(function()
        New-VHD{ Path = disk .. ".vhdx", SizeBytes = 64MB }
        New-VMSwitch{ Name = "load", SwitchType = "Private" }
        for i = 1, 2 do
            vms[i] = guest.new{ Name = "load-" .. i, MemoryStartupBytes = 192MB, SwitchName = "load" }
            Set-VM{ VM = vms[i], CheckpointType = "Standard" }
        end
        Add-VMHardDiskDrive{ VM = vms[1], Path = disk .. ".vhdx" }
        Start-VM(vms)
        for i, vm in ipairs(vms) do
            guest.start(vm)
            if isNetworked then ask(vm, "until ifconfig eth0 10.9.0." .. i .. " up; do usleep 100000; done") end
        end
        ask(vms[1], "until [ -b /dev/sda ]; do usleep 100000; done")
        if isNetworked then
            -- The receiver counts numbers that must come one after the other.
            ask(vms[2], [[(tail -f /dev/null | nc -l -p 5000 | awk '$1 != n + 0 { print "stream", n, $1 >"/tmp/bad"; exit } { n++ }
                n % 100 == 0 { print n >"/tmp/stream"; close("/tmp/stream") }') &
                until grep -q ':1388 0*:0000 0A' /proc/net/tcp /proc/net/tcp6; do usleep 100000; done]])
            ask(vms[1], [[(n=0; while :; do echo $n; n=$((n+1)); [ $((n%100)) != 0 ] || usleep 20000; done | nc 10.9.0.2 5000; echo sender >/tmp/bad) &]])
        end
        -- Random data goes to a place of the disk, and is read back from there, past the cache.
        ask(vms[1], [[(i=0; while :; do
            dd if=/dev/urandom of=/tmp/random bs=64k count=4; place=$((i%200*4))
            dd if=/tmp/random of=/dev/sda bs=64k seek=$place conv=fsync,notrunc; echo 1 >/proc/sys/vm/drop_caches
            [ "$(dd if=/dev/sda bs=64k skip=$place count=4 | md5sum)" = "$(md5sum </tmp/random)" ] || echo disk $place >/tmp/bad
            i=$((i+1)); echo $i >/tmp/disk; done) 2>/dev/null &]])
        -- Uptime, in hundredths, never goes back.
        for _, load in ipairs(loads) do
            if load[2] == "timer" then
                ask(vms[load[1]], [[(i=0; last=0; while usleep 2000; do
                    read now rest </proc/uptime; now=${now%.*}${now#*.}; [ $now -ge $last ] || echo uptime $last $now >/tmp/bad
                    last=$now; i=$((i+1)); echo $i >/tmp/timer; done) &]])
            end
        end
        expectProgress()
    end)

    teardown(function()
        for machine in Get-VM() do
            if machine.State ~= "Off" then Stop-VM(machine, { TurnOff = true, Force = true }) end
        end
        Remove-VM(vms[2], { Force = true })
        Remove-VM(vms[1], { Force = true, DeleteDisks = true })
        os.remove(disk)
    end)

    it("go on through " .. rounds .. " rounds of checkpoints, steps back and removals", function()
        local back = 0
        for round = 1, rounds do
            local name = "round " .. round
            untilMerged(vms[1])
            if round % 4 == 0 then
                -- While they run, each at an instant of its own.
                for _, vm in ipairs(vms) do Checkpoint-VM(vm, name) end
                for _, vm in ipairs(vms) do Remove-VMSnapshot(vm, name) end
            else
                for _, vm in ipairs(vms) do Suspend-VM(vm) end
                for _, vm in ipairs(vms) do Checkpoint-VM(vm, name) end
                for _, vm in ipairs(vms) do Resume-VM(vm) end
                table.insert(pairsMade, name)
            end
            expectProgress()
            if round % 3 == 0 then
                local chosen = pairsMade[math.random(#pairsMade)]
                for _, vm in ipairs(vms) do Restore-VMSnapshot{ Name = chosen, VMName = vm.Name, Confirm = false } end
                Start-VM(vms)
                back = back + 1
                expectProgress()
            end
            if #pairsMade > 4 then
                untilMerged(vms[1])
                local removed = table.remove(pairsMade, math.random(#pairsMade))
                for _, vm in ipairs(vms) do Remove-VMSnapshot(vm, removed) end
            end
        end
        print("      " .. back .. " times back; " .. counter(vms[2], loads[3][2]) .. (isNetworked and " numbers, " or " sleeps, ")
            .. counter(vms[1], "disk") .. " pieces of disk")
    end)

    architecture.it("integration services", "have the host's time again, though they were taken back", function()
        local finish, difference = os.time() + 60, nil
        repeat
            difference = math.abs(os.time() - math.tointeger(ask(vms[1], "date +%s")))
            if difference > 3 then Start-Sleep(1) end
        until difference <= 3 or os.time() > finish
        assert.is_true(difference <= 3, "the guest's clock is " .. difference .. " s away")
    end)

    it("end with their disk alone and whole", function()
        for _, vm in ipairs(vms) do Remove-VMSnapshot(vm) end
        for _, vm in ipairs(vms) do untilMerged(vm) end
        expectProgress()
        for _, vm in ipairs(vms) do Stop-VM(vm, { TurnOff = true, Force = true }) end
        assert.are.equal(disk .. ".vhdx", Get-VMHardDiskDrive(vms[1])[1].Path)
        assert.is_true(Test-VHD(disk .. ".vhdx"))
    end)
end)
