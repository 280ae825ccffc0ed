-- A small file system, which LUNAVISOR_SMALL_DISK names, gets full while a guest whose disk lies on it is checkpointed, writes, and has its
-- checkpoints merged: every command says why it could not be done, and nothing is lost.
local guest = require "support.guest"
local place = os.getenv("LUNAVISOR_SMALL_DISK")

describe("a full disk under a guest's past", function()
    if not place then
        pending("is met by checkpoints, writes and merges", "LUNAVISOR_SMALL_DISK names no folder on a file system of some 200 MiB")
        return
    end
    local answer = io.popen("df --output=avail -k '" .. place .. "' | tail -1")
    local free = (tonumber(answer:read("a")) or 0) // 1024
    answer:close()
    if free > 1024 then
        pending("is met by checkpoints, writes and merges",
            "LUNAVISOR_SMALL_DISK has " .. free .. " MiB free, and all of it would be filled; name a file system of some 200 MiB")
        return
    end
    local vm
    local disk = place .. "/disk.vhdx"

    local function ask(commands) return guest.ask(vm, commands) end

    local function sum() return ask("echo 3 >/proc/sys/vm/drop_caches; md5sum /dev/sda"):match("^%x+") end

    -- Leaves so many KiB.
    local function fill(left)
        assert(os.execute("room=$(df --output=avail -k " .. place .. " | tail -1); head -c $(((room - " .. left .. ") * 1024)) /dev/zero >" .. place .. "/filler"))
    end

    local function empty() os.remove(place .. "/filler") end

    local function files()
        local list = io.popen("cd " .. place .. "; find . -type f ! -name filler | sort")
        local text = list:read("a")
        list:close()
        return text
    end

    local function failure(action)
        local succeeded, reason = pcall(action)
        assert.is_false(succeeded)
        return tostring(reason)
    end

    local function untilStatus(pattern)
        for _ = 1, 1200 do
            if Get-VM(vm.Name).Status:find(pattern) then return end
            Start-Sleep(0.1)
        end
        error("the status stays " .. Get-VM(vm.Name).Status)
    end

    setup(function()
        New-VHD{ Path = disk, SizeBytes = 64MB }
        vm = guest.new{ Name = "tight", MemoryStartupBytes = 192MB, VHDPath = disk }
        Set-VM{ VM = vm, CheckpointType = "Standard", SnapshotFileLocation = place .. "/memory" }
        guest.start(vm)
        ask("until [ -b /dev/sda ]; do usleep 100000; done; dd if=/dev/urandom of=/dev/sda bs=64k count=64 conv=fsync")
    end)

    teardown(function()
        empty()
        if vm and vm.State ~= "Off" then Stop-VM(vm, { TurnOff = true, Force = true }) end
        Remove-VM(vm, { Force = true, DeleteDisks = true })
    end)

    it("refuses a checkpoint whose memory or images find no room, and leaves nothing of it", function()
        local before, there = sum(), files()
        for _, left in ipairs{ 20000, 2000, 100, 0 } do
            fill(left)
            assert.is_truthy(failure(function() Checkpoint-VM(vm, "none") end):find("space left"), "with " .. left .. " KiB")
            empty()
            assert.are.equal(there, files())
            assert.are.equal("Running", vm.State)
            assert.is_nil(Get-VMSnapshot(vm)[1])
        end
        assert.are.equal(before, sum())
        ask("dd if=/dev/urandom of=/dev/sda bs=64k count=8 seek=70 conv=fsync")
    end)

    it("lets the guest stand while it writes, and go on when there is room", function()
        -- Its memory lies elsewhere: that it goes shall make no room here.
        Set-VM{ VM = vm, SnapshotFileLocation = (Get-VMHost()).StorePath .. "/memory" }
        Checkpoint-VM(vm, "one")
        fill(1500)
        local mark = guest.send(vm, "dd if=/dev/urandom of=/dev/sda bs=64k count=160 seek=100 conv=fsync; md5sum /dev/sda")
        for _ = 1, 1200 do
            if vm.State == "PausedCritical" then break end
            Start-Sleep(0.1)
        end
        assert.are.equal("PausedCritical", vm.State)
        assert.is_truthy(failure(function() Checkpoint-VM(vm, "none") end):find("PausedCritical"))
        empty()
        Resume-VM(vm)
        local written = guest.answer(vm, mark):match("^%x+")
        assert.are.equal(written, sum())
        assert.are.equal(1, #Get-VMSnapshot(vm))
    end)

    it("stops a merge that finds no room, which ends when there is some", function()
        local before = sum()
        fill(700)
        Remove-VMSnapshot(vm, "one")
        untilStatus("Operating normally")
        local stopped = false
        for event in Get-VMEvent(vm) do stopped = stopped or event.Message:find("Merging disks stopped") ~= nil end
        assert.is_true(stopped)
        assert.are.equal(before, sum())
        empty()
        -- The next removal goes on with it.
        Checkpoint-VM(vm, "two")
        Remove-VMSnapshot(vm, "two")
        untilStatus("Operating normally")
        assert.are.equal(disk, Get-VMHardDiskDrive(vm)[1].Path)
        assert.are.equal(before, sum())
        Stop-VM(vm, { TurnOff = true, Force = true })
        assert.is_true(Test-VHD(disk))
        assert.are.equal("./disk.vhdx\n", files())
    end)
end)
