-- Disks: each format keeps what the guest writes, a disk comes and goes (while the guest runs, where that can be), and a differencing disk
-- leaves its parent.
local architecture = require "support.architecture"
local guest = require "support.guest"

describe("disks #disks", function()
    local folder = (Get-VMHost()).StorePath

    local booted = fixture("disks", function()
        return guest.start(guest.new{ Name = "original", MemoryStartupBytes = 192MB })
    end)

    local ask = guest.ask

    -- Changes its disks while it runs, or between two runs where it must be off for that.
    local function change(vm, action)
        if not architecture.lacks("disks that come and go") then return action() end
        guest.must(vm, "sync")
        Stop-VM{ VM = vm, TurnOff = true, Force = true }
        action()
        guest.start(vm)
    end

    local function attach(vm, path)
        change(vm, function() Add-VMHardDiskDrive{ VM = vm, Path = path } end)
        ask(vm, "until [ -b /dev/sda ]; do usleep 100000; done")
    end

    local function detach(vm, path)
        change(vm, function()
            for drive in Get-VMHardDiskDrive(vm) do
                if drive.Path == path then Remove-VMHardDiskDrive(drive) end
            end
        end)
        ask(vm, "while [ -b /dev/sda ]; do usleep 100000; done")
    end

    local fill = "dd if=/dev/urandom of=/dev/sda bs=64k count=48 conv=fsync"
    local function sum(vm) return ask(vm, "echo 3 >/proc/sys/vm/drop_caches; md5sum </dev/sda"):match("%x+") end

    for _, kind in ipairs{ { "dynamic.vhdx", "Dynamic" }, { "fixed.vhdx", "Fixed" }, { "dynamic.vhd", "Dynamic" }, { "fixed.vhd", "Fixed" } } do
        it("keeps what is written to " .. kind[1], function()
            local vm = booted()
            local path = folder .. "/" .. kind[1]
            New-VHD{ Path = path, SizeBytes = 16MB, [kind[2]] = true }
            attach(vm, path)
            ask(vm, fill)
            local written = sum(vm)
            detach(vm, path)
            assert.is_true(Test-VHD(path))
            attach(vm, path)
            assert.are.equal(written, sum(vm))
        end)
    end

    it("leave their parent as it is when they are differencing, and are merged into it", function()
        local vm = booted()
        local parent, child = folder .. "/parent.vhdx", folder .. "/child.vhdx"
        New-VHD{ Path = parent, SizeBytes = 16MB, Dynamic = true }
        attach(vm, parent)
        ask(vm, fill)
        local first = sum(vm)
        detach(vm, parent)
        New-VHD{ Path = child, ParentPath = parent, Differencing = true }
        attach(vm, child)
        assert.are.equal(first, sum(vm))
        ask(vm, "dd if=/dev/urandom of=/dev/sda bs=64k seek=20 count=8 conv=fsync")
        local second = sum(vm)
        assert.are_not.equal(first, second)
        detach(vm, child)
        attach(vm, parent)
        assert.are.equal(first, sum(vm))
        detach(vm, parent)
        Merge-VHD{ Path = child, DestinationPath = parent, Force = true }
        attach(vm, parent)
        assert.are.equal(second, sum(vm))
    end)

    it("are refused when another machine writes to them", function()
        local vm = booted()
        local path = folder .. "/shared.vhdx"
        New-VHD{ Path = path, SizeBytes = 16MB, Dynamic = true }
        attach(vm, path)
        local good, problem = pcall(New_VM, { Name = "other", MemoryStartupBytes = 128MB, VHDPath = path, KernelPath = guest.folder .. "/vmlinuz" })
        assert.is_false(good)
        assert.is_truthy(tostring(problem):find("shared.vhdx", 1, true))
        assert.are.equal(0, #Get-VM("other*"))
    end)
end)
