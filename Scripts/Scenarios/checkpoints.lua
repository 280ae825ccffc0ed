-- A guest with a disk under load is checkpointed while it runs, goes back to each checkpoint, has its checkpoints merged under it, and is
-- cloned: what it reads from the disk is always what it was then.
local guest = require "support.guest"

describe("a guest's past", function()
    local vm
    local ask, sums = guest.ask, {}
    local temporary = os.tmpname()
    local disk, moved = temporary, temporary .. ".moved"

    -- The sum of the disk as the guest's driver reads it now.
    local function sum(machine) return ask(machine, "echo 3 >/proc/sys/vm/drop_caches; md5sum /dev/sda"):match("^%x+") end

    local function write(machine, place) ask(machine, "dd if=/dev/urandom of=/dev/sda bs=64k count=40 seek=" .. place .. " conv=fsync") end

    local function untilMerged(machine)
        for _ = 1, 1200 do
            if Get-VM(machine.Name).Status == "Operating normally" then return end
            Start-Sleep(0.1)
        end
        error("the disks of " .. machine.Name .. " are still being merged: " .. Get-VM(machine.Name).Status)
    end

    setup(function()
        New-VHD{ Path = disk .. ".vhdx", SizeBytes = 64MB }
        vm = guest.new{ Name = "past", MemoryStartupBytes = 256MB, VHDPath = disk .. ".vhdx" }
        Set-VM{ VM = vm, CheckpointType = "Standard" }
        guest.start(vm)
        ask(vm, "until [ -b /dev/sda ]; do usleep 100000; done")
    end)

    teardown(function()
        for machine in Get-VM() do
            if machine.State ~= "Off" then Stop-VM(machine, { TurnOff = true, Force = true }) end
        end
        Remove-VM(Get-VM("clone*"), { Force = true })
        Remove-VM(vm, { Force = true, DeleteDisks = true })
        os.remove(temporary)
        os.execute("rm -rf '" .. moved .. "'")
    end)

    it("is kept while it runs", function()
        for number = 1, 4 do
            write(vm, number * 30)
            sums[number] = sum(vm)
            -- Writes that go on meanwhile are in none of them, or in all that follow.
            ask(vm, "(while :; do dd if=/dev/zero of=/tmp/x bs=1M count=2; done) & echo $! >/tmp/pid")
            Checkpoint-VM(vm, "c" .. number)
            ask(vm, "kill $(cat /tmp/pid)")
        end
        write(vm, 200)
        sums.now = sum(vm)
        assert.are.equal(4, #Get-VMSnapshot(vm))
    end)

    it("is merged under it from the middle", function()
        Remove-VMSnapshot(vm, "c2")
        untilMerged(vm)
        assert.are.equal(sums.now, sum(vm))
    end)

    it("moves with its disk to another folder while the guest writes", function()
        ask(vm, "(while :; do dd if=/dev/urandom of=/dev/sda bs=4k count=16 seek=15000 conv=fsync; done) & echo $! >/tmp/pid")
        for _, folder in ipairs{ moved .. "/a", moved .. "/b" } do
            local before = Get-VMFile{ VMName = "past", Kind = { "Disk", "Image", "Memory" } }
            Move-VMStorage(vm, folder)
            assert.is_true(Get-VMHardDiskDrive(vm)[1].Path:find(folder .. "/Virtual Hard Disks/", 1, true) == 1)
            for file in $before do assert.is_false(Test-Path(file.Path), file.Path) end
            for file in Get-VMFile{ VMName = "past", Kind = { "Disk", "Image", "Memory" } } do
                assert.is_true(file.Path:find(folder, 1, true) == 1 and file.Exists, file.Path)
            end
        end
        ask(vm, "kill $(cat /tmp/pid); sync")
        sums.now = sum(vm)
        -- Each checkpoint goes on to be what it was; new ones lie where the moved ones do.
        Checkpoint-VM(vm, "c5")
        sums[5] = sums.now
        assert.are.equal(4, #Get-VMSnapshot(vm))
        for file in Get-VMFile{ VMName = "past", Kind = "Memory" } do assert.is_true(file.Path:find(moved .. "/b/Snapshots/", 1, true) == 1) end
        disk = moved .. "/b/Virtual Hard Disks/" .. disk:match("[^/]+$")
    end)

    it("keeps its memory where it shall", function()
        local function memory() return Get-VMFile{ VMName = "past", Kind = "Memory" } end
        local before = #memory()
        Set-VM{ VM = vm, SnapshotFileLocation = moved .. "/elsewhere" }
        Checkpoint-VM(vm, "c6")
        assert.are.equal(before + 1, #memory())
        local found
        for _, file in ipairs(memory()) do
            if file.Path:find(moved .. "/elsewhere/" .. vm.Id .. "/", 1, true) == 1 then found = file.Path end
        end
        assert.is_true(found ~= nil and Test-Path(found))
        Remove-VMSnapshot(vm, "c6")
        assert.is_false(Test-Path(found))
        untilMerged(vm)
        assert.are.equal(sums[5], sum(vm))
    end)

    it("can be gone back to, from memory", function()
        for _, number in ipairs{ 3, 5, 1, 4 } do
            Restore-VMSnapshot{ Name = "c" .. number, VMName = "past", Confirm = false }
            assert.are.equal("Saved", vm.State)
            Start-VM(vm)
            assert.are.equal(sums[number], sum(vm))
        end
    end)

    it("says that memory it builds on was edited, and leaves the guest running", function()
        local before = sum(vm)
        local path = Get-VMSnapshot(vm, "c1").Path
        if not path:match("^/") then path = vm.Path .. "/" .. path end
        local file = assert(io.open(path, "r+b"))
        file:seek("set", 4096)
        local old = file:read(1)
        file:seek("set", 4096)
        file:write(string.char(old:byte() ~ 1))
        file:close()
        assert.has_error(function() Restore-VMSnapshot{ Name = "c3", VMName = "past", Confirm = false } end)
        assert.are.equal("Running", vm.State)
        assert.are.equal(before, sum(vm))
        file = assert(io.open(path, "r+b"))
        file:seek("set", 4096)
        file:write(old)
        file:close()
    end)

    it("gives clones that go on from the same instant and change nothing of it", function()
        local clones = New-VM{ Name = "clone", FromCheckpoint = Get-VMSnapshot(vm, "c3"), Count = 3 }
        Start-VM(clones)
        local addresses = {}
        for clone in $clones do
            assert.are.equal(sums[3], sum(clone))
            write(clone, 10)
            assert.are_not.equal(sums[3], sum(clone))
            addresses[clone.NetworkAdapters[1].MacAddress] = true
        end
        local different = 0
        for _ in pairs(addresses) do different = different + 1 end
        assert.are.equal(3, different)
        assert.has_error(function() Remove-VMSnapshot(vm, "c3") end)
        Stop-VM(clones, { TurnOff = true, Force = true })
        Remove-VM(clones, { Force = true })
        assert.are.equal(sums[4], sum(vm))
    end)

    it("ends with the disk alone, merged while the guest writes", function()
        ask(vm, "(while :; do dd if=/dev/urandom of=/dev/sda bs=4k count=1 seek=15000 conv=fsync; done) & echo $! >/tmp/pid")
        Remove-VMSnapshot(vm)
        untilMerged(vm)
        ask(vm, "kill $(cat /tmp/pid); sync")
        local last = sum(vm)
        assert.are.equal(disk .. ".vhdx", Get-VMHardDiskDrive(vm)[1].Path)
        Stop-VM(vm, { TurnOff = true, Force = true })
        assert.is_true(Test-VHD(disk .. ".vhdx"))
        Start-VM(vm)
        Wait-VM{ VM = vm, For = "Console", Pattern = "== ready ==", Timeout = 120 }
        ask(vm, "until [ -b /dev/sda ]; do usleep 100000; done")
        assert.are.equal(last, sum(vm))
    end)

    it("is kept by itself as it was at each start", function()
        Set-VM{ VM = vm, AutomaticCheckpointsEnabled = true }
        local function boot()
            Start-VM(vm)
            Wait-VM{ VM = vm, For = "Console", Pattern = "== ready ==", Timeout = 120 }
            ask(vm, "until [ -b /dev/sda ]; do usleep 100000; done")
        end
        local atStart = sum(vm)
        Stop-VM(vm, { TurnOff = true, Force = true })
        boot()
        write(vm, 5)
        assert.are_not.equal(atStart, sum(vm))
        local made = Get-VMSnapshot(vm)
        assert.are.equal(1, #made)
        Restore-VMSnapshot{ Name = made[1].Name, VMName = "past", Confirm = false }
        assert.are.equal("Off", vm.State)
        Set-VM{ VM = vm, AutomaticCheckpointsEnabled = false }
        boot()
        assert.are.equal(atStart, sum(vm))
    end)
end)
