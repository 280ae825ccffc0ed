-- DriverDomain: each disk is served by a process of its own. Whatever becomes of that, the guest's disk holds what the guest wrote.
local guest = require "support.guest"

describe("disks in processes of their own #driverdomain", function()
    local folder = (Get-VMHost()).StorePath

    local booted = fixture("driverdomain", function()
        return guest.start(guest.new{ Name = "original", Architecture = "DriverDomain", MemoryStartupBytes = 256MB })
    end)

    local ask = guest.ask

    local function attach(vm, path)
        Add-VMHardDiskDrive{ VM = vm, Path = path }
        ask(vm, "until [ -b /dev/sda ]; do usleep 100000; done")
    end

    local function service(vm)
        for one in Get-VMService(vm) do
            if one.Kind == "Disk" then return one end
        end
        error("no service")
    end

    -- Another process than the former one serves the disk.
    local function replaced(vm, former)
        for _ = 1, 400 do
            local now = service(vm)
            -- How long it took is known when it has taken over what was under way.
            if now.ProcessId and now.ProcessId ~= former and now.LastRestart then return now end
            Start-Sleep(0.05)
        end
        error("nobody took the place of process " .. former)
    end

    for _, name in ipairs{ "dynamic.vhdx", "dynamic.vhd" } do
        it("keep what the guest writes while they are killed: " .. name, function()
            local vm = booted()
            local path = folder .. "/" .. name
            New-VHD{ Path = path, SizeBytes = 64MB, Dynamic = true }
            attach(vm, path)
            -- 6 × 8 MiB that go to the disk while its service is killed; the sums are of what was written.
            local mark = guest.send(vm, [[
                dd if=/dev/urandom of=/tmp/a bs=64k count=128
                for n in 0 1 2 3 4 5; do
                    dd if=/tmp/a of=/dev/sda bs=64k seek=$((n * 128)) count=128 conv=notrunc oflag=direct || echo failed
                    dd if=/dev/sda bs=64k skip=$((n * 128)) count=128 iflag=direct | cmp - /tmp/a || echo differs
                done
                sync]])
            local longest, kills = 0, 0
            local worker = vm.WorkerProcessId
            while kills < 8 do
                local former = service(vm).ProcessId
                if former then
                    os.execute("kill -9 " .. former)
                    kills = kills + 1
                    longest = math.max(longest, replaced(vm, former).LastRestart.TotalSeconds)
                    -- All over the guest's work.
                    Start-Sleep(0.5)
                end
            end
            local text, code = guest.answer(vm, mark, 300)
            assert.are.equal(0, code)
            assert.is_nil(text:find("failed"), text)
            assert.is_nil(text:find("differs"), text)
            assert.are.equal(worker, vm.WorkerProcessId)
            -- All of it again, past the guest's caches.
            text = ask(vm, [[
                echo 3 >/proc/sys/vm/drop_caches
                for n in 0 1 2 3 4 5; do dd if=/dev/sda bs=64k skip=$((n * 128)) count=128 | cmp - /tmp/a || echo differs; done
                dmesg | grep -c 'I/O error']], 300)
            assert.is_nil(text:find("differs"), text)
            assert.is_truthy(text:find("0%s*$"), text)
            assert.is_true(longest < 1, "the longest took " .. longest .. " s")
            assert.is_true(service(vm).RestartCount >= 8)
            assert.is_true(#Get-VMEvent(vm):Where(function(e) return e.GuestText and e.GuestText:find("disk service") end) > 0)
            Stop-VM{ VM = vm, TurnOff = true, Force = true }
            assert.is_true(Test-VHD(path))
        end)
    end

    it("end with their machine", function()
        local vm = booted()
        local path = folder .. "/ends.vhdx"
        New-VHD{ Path = path, SizeBytes = 16MB, Dynamic = true }
        attach(vm, path)
        local process = service(vm).ProcessId
        os.execute("kill -9 " .. vm.WorkerProcessId)
        for _ = 1, 200 do
            if not os.execute("kill -0 " .. process .. " 2>/dev/null") then break end
            Start-Sleep(0.05)
        end
        assert.is_falsy(os.execute("kill -0 " .. process .. " 2>/dev/null"))
        Start-VM(vm)
        assert.are_not.equal(process, service(vm).ProcessId)
    end)

    it("are checkpointed, merged and moved while they run and are killed", function()
        local vm = booted()
        local path, moved = folder .. "/chain.vhdx", folder .. "/moved.vhdx"
        New-VHD{ Path = path, SizeBytes = 64MB, Dynamic = true }
        attach(vm, path)
        local function named(name)
            for _ = 1, 600 do
                local now = service(vm)
                if now.ProcessId and now.Name:find(name, 1, true) then return now end
                Start-Sleep(0.05)
            end
            error("the disk is " .. service(vm).Name)
        end
        local function untilMerged()
            for _ = 1, 600 do
                if Get-VM(vm.Name).Status == "Operating normally" then return end
                Start-Sleep(0.05)
            end
            error("still: " .. Get-VM(vm.Name).Status)
        end
        local function kill()
            local former = service(vm).ProcessId
            if former then os.execute("kill -9 " .. former) end
        end
        -- The guest writes and looks all the time.
        local mark = guest.send(vm, [[
            dd if=/dev/urandom of=/tmp/a bs=64k count=64
            while [ ! -f /tmp/stop ]; do
                for n in 0 1 2 3; do
                    dd if=/tmp/a of=/dev/sda bs=64k seek=$((n * 64)) count=64 conv=notrunc oflag=direct || echo failed
                    dd if=/dev/sda bs=64k skip=$((n * 64)) count=64 iflag=direct | cmp - /tmp/a || echo differs
                done
            done & sleep 1; echo on]])
        guest.answer(vm, mark)
        local worker = vm.WorkerProcessId
        for round = 1, 3 do
            Checkpoint-VM{ VM = vm, SnapshotName = "one" .. round }
            named("avhdx")
            kill()
            named("avhdx")
            Remove-VMSnapshot(vm, "one" .. round)
            named(round < 3 and "chain.vhdx" or "moved.vhdx")
            kill()
            untilMerged()
            if round == 2 then
                Move-VMStorage{ VM = vm, Vhds = { { SourceFilePath = path, DestinationFilePath = moved } } }
                named("moved.vhdx")
                kill()
            end
        end
        assert.are.equal(worker, vm.WorkerProcessId)
        local text = guest.ask(vm, "touch /tmp/stop; wait; dmesg | grep -c 'I/O error'", 60)
        assert.is_truthy(text:find("0%s*$"), text)
        local console = table.concat(Receive-VMConsole{ VM = vm, Tail = 2000 }, "\n")
        assert.is_nil(console:find("\nfailed"), console)
        assert.is_nil(console:find("\ndiffers"), console)
        text = guest.ask(vm, "echo 3 >/proc/sys/vm/drop_caches; for n in 0 1 2 3; do dd if=/dev/sda bs=64k skip=$((n * 64)) count=64 | cmp - /tmp/a || echo differs; done", 60)
        assert.is_nil(text:find("differs"), text)
        Stop-VM{ VM = vm, TurnOff = true, Force = true }
        assert.is_true(Test-VHD(moved))
        assert.is_falsy(os.execute("test -e " .. path))
    end)

    it("hold what was flushed when their worker is killed in a merge", function()
        local vm = booted()
        local path = folder .. "/cut.vhdx"
        New-VHD{ Path = path, SizeBytes = 64MB, Dynamic = true }
        attach(vm, path)
        guest.must(vm, "dd if=/dev/urandom of=/dev/sda bs=1M count=40 oflag=direct", 120)
        for round = 1, 3 do
            Checkpoint-VM{ VM = vm, SnapshotName = "cut" }
            guest.must(vm, "dd if=/dev/urandom of=/dev/sda bs=1M count=32 seek=" .. 8 * round .. " oflag=direct && sync", 120)
            local sum = guest.must(vm, "md5sum /dev/sda", 120):match("%x+")
            Remove-VMSnapshot(vm, "cut")
            Start-Sleep(0.03 * round)
            local process = vm.WorkerProcessId
            os.execute("kill -9 " .. process)
            for _ = 1, 200 do
                if vm.State == "Off" then break end
                Start-Sleep(0.05)
            end
            local before = Get-Date
            Start-VM(vm)
            Wait-VM{ VM = vm, For = "Console", Pattern = "guest# ", Since = before, Timeout = 300 }
            assert.are_not.equal(process, vm.WorkerProcessId)
            assert.are.equal(sum, guest.must(vm, "until [ -b /dev/sda ]; do usleep 100000; done; md5sum /dev/sda", 120):match("%x+"))
            for _ = 1, 600 do
                if Get-VM(vm.Name).Status == "Operating normally" then break end
                Start-Sleep(0.05)
            end
            assert.is_truthy(service(vm).Name:find("cut.vhdx", 1, true), service(vm).Name)
        end
        assert.are.equal(0, #Get-VMSnapshot(vm):Where(function(one) return one.Name == "cut" end))
    end)

    it("are measured: many requests go with few messages", function()
        local vm = booted()
        local path = folder .. "/depth.vhdx"
        New-VHD{ Path = path, SizeBytes = 64MB, Dynamic = true }
        attach(vm, path)
        guest.must(vm, "dd if=/dev/zero of=/dev/sda bs=1M count=48 && echo 3 >/proc/sys/vm/drop_caches")
        local before = Measure-Architecture(vm)
        -- The guest's block layer has many requests of a sequential read under way.
        guest.must(vm, "dd if=/dev/sda of=/dev/null bs=1M count=48")
        local after = Measure-Architecture(vm)
        local requests = after.DiskRequests - before.DiskRequests
        assert.is_true(requests > 0)
        assert.is_true(after.ProcessToProcess - before.ProcessToProcess <= 2 * requests + 16)
        assert.is_true(after.ServiceSystemCalls > before.ServiceSystemCalls)
    end)
end)
