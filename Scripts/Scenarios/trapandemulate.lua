-- An unmodified Debian kernel without enlightenments: it finds no hypervisor, and its disk as old PCs had it.
local guest = require "support.guest"

-- The identifier of the error that an action ends with.
local function refusal(action)
    local good, problem = pcall(action)
    assert.is_false(good, "it was not refused")
    return problem.FullyQualifiedErrorId
end

describe("a guest without enlightenments", function()
    local vm
    local ask, must = guest.ask, guest.must
    local path = os.tmpname() .. ".vhdx"

    -- The sum of the disk as the guest's driver reads it now.
    local function sum() return ask(vm, "echo 3 >/proc/sys/vm/drop_caches; md5sum /dev/sda"):match("^%x+") end

    setup(function()
        New-VHD{ Path = path, SizeBytes = 16MB, Dynamic = true }
        vm = guest.new{
            Name = "bare", MemoryStartupBytes = 192MB, VHDPath = path, Architecture = "TrapAndEmulate",
            KernelArguments = "console=ttyS0 loglevel=8 panic=-1 cryptomgr.notests",
        }
        guest.start(vm)
        ask(vm, "dmesg -n 1; until [ -b /dev/sda ]; do usleep 100000; done")
    end)

    teardown(function()
        if vm.State ~= "Off" then Stop-VM(vm, { TurnOff = true, Force = true }) end
        Remove-VM(vm, { Force = true, DeleteDisks = true })
        os.remove((path:gsub("%.vhdx$", "")))
    end)

    it("finds no hypervisor", function()
        assert.are.equal("0", must(vm, "dmesg | grep -ci 'hyper-v\\|hypervisor detected' || true"):match("%d+"))
        assert.are.equal("0", must(vm, "grep -c ' hypervisor' /proc/cpuinfo || true"):match("%d+"))
        must(vm, "! [ -e /sys/hypervisor/type ] && ! [ -e /sys/bus/vmbus ] && ! grep -q hv_ /proc/modules")
    end)

    it("keeps time by its processor's counter", function()
        must(vm, "grep -q tsc /sys/devices/system/clocksource/clocksource0/current_clocksource")
        must(vm, "dmesg | grep -q 'tsc: Detected 1000'")
    end)

    it("reads and writes no register that is not there", function()
        local text = table.concat(Receive-VMConsole{ VM = vm }, "\n")
        assert.is_nil(text:find("unchecked MSR access", 1, true))
    end)

    it("keeps what it writes", function()
        must(vm, "dd if=/dev/urandom of=/tmp/a bs=64k count=48 && dd if=/tmp/a of=/dev/sda bs=64k seek=20 conv=fsync")
        must(vm, "echo 3 >/proc/sys/vm/drop_caches; dd if=/dev/sda bs=64k skip=20 count=48 | cmp - /tmp/a")
    end)

    it("is counted, every privileged instruction of it", function()
        local before = Measure-Architecture(vm)
        sum()
        local after = Measure-Architecture(vm)
        assert.are.equal("TrapAndEmulate", after.Architecture)
        assert.is_true(after.DiskRequests > before.DiskRequests)
        -- The driver moves two bytes with each.
        assert.is_true(after.Privileged.PortAccess - before.Privileged.PortAccess >= 16MB / 2)
        assert.is_true(after.Privileged.InterruptFlag > before.Privileged.InterruptFlag)
    end)

    it("answers no question of a service, and says so", function()
        assert.are.equal("IntegrationServiceMissing", refusal(function() Stop-VM(vm) end))
    end)

    it("is saved and goes on", function()
        local before = sum()
        Save-VM(vm)
        Start-VM(vm)
        assert.are.equal(before, sum())
    end)

    it("powers off from inside", function()
        Send-VMConsole(vm, "poweroff\n")
        Wait-VM{ VM = vm, For = "Off", Timeout = 120 }
        assert.are.equal("Off", vm.State)
    end)
end)
