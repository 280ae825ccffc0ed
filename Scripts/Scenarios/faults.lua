-- What a fault in one process takes down, under each architecture, measured by Test-FaultContainment.
local guest = require "support.guest"

describe("faults #faults", function()
    local folder, made = (Get-VMHost()).StorePath, 0

    local function machine(name, architecture, switch)
        -- Each case has machines of its own.
        made = made + 1
        name = name .. made
        local path = folder .. "/" .. name .. ".vhdx"
        New-VHD{ Path = path, SizeBytes = 16MB, Dynamic = true }
        return guest.start(guest.new{
            Name = name, Architecture = architecture, MemoryStartupBytes = 128MB, VHDPath = path, SwitchName = switch })
    end

    local function hit(vm, service, fault, seed)
        local found = {}
        for one in Test-FaultContainment{ VM = vm, Service = service, Fault = fault, Seed = seed or 1, Timeout = 10, Force = true } do
            found[one.VMName:sub(1, 1)] = one
        end
        return found
    end

    local function survivors(found)
        local count = 0
        for _, one in pairs(found) do if one.Survived then count = count + 1 end end
        return count
    end

    it("of a disk's process under DriverDomain end no machine, and it is back within a second", function()
        local vm, other = machine("a", "DriverDomain"), machine("b", "DriverDomain")
        guest.must(vm, "dd if=/dev/urandom of=/tmp/a bs=64k count=64; dd if=/tmp/a of=/dev/sda bs=64k oflag=direct")
        for _ = 1, 5 do
            local found = hit(vm, "Disk", "Crash")
            assert.are.equal(2, survivors(found))
            assert.is_true(found.a.CameBack)
            assert.is_true(found.a.Recovery.TotalSeconds < 1)
            assert.are.equal(0, found.a.FailedRequests)
            assert.is_nil(found.b.ProcessId)
            assert.is_nil(found.b.CameBack)
        end
        guest.must(vm, "echo 3 >/proc/sys/vm/drop_caches; dd if=/dev/sda bs=64k count=64 | cmp - /tmp/a")
        assert.is_truthy(guest.ask(other, "echo alive-$((6 * 7))"):find("alive-42", 1, true))
    end)

    it("of the worker end its machine and no other, except where one process runs all", function()
        local a, b = machine("a", "Hosted"), machine("b", "Hosted")
        local c, d, e = machine("c", "Microkernel"), machine("d", "DriverDomain"), machine("e", "TrapAndEmulate")
        local found = hit(c, "Worker", "Crash")
        assert.is_false(found.c.Survived)
        assert.are.equal(4, survivors(found))
        found = hit(d, "Hypervisor", "Crash")
        assert.is_false(found.d.Survived)
        assert.are.equal(3, survivors(found))
        found = hit(e, "Disk", "Crash")
        assert.is_false(found.e.Survived)
        assert.are.equal(2, survivors(found))
        found = hit(a, "Disk", "Crash")
        assert.is_false(found.a.Survived)
        assert.is_false(found.b.Survived)
        assert.are.equal("Off", b.State)
    end)

    it("of a switch's process end no machine and no connection between guests", function()
        New-VMSwitch{ Name = "cut", SwitchType = "Private" }
        local a, b = machine("a", "DriverDomain", "cut"), machine("b", "Microkernel", "cut")
        for number, vm in ipairs{ a, b } do guest.must(vm, "ip link set eth0 up; ip addr add 10.9.1." .. number .. "/24 dev eth0") end
        guest.ask(b, "(sleep 60 | nc -l -p 5000 >/tmp/got) >/dev/null 2>&1 & true")
        guest.must(a, "head -c 8000000 /dev/urandom >/tmp/sent; sleep 1")
        -- Slow enough for faults in its midst.
        local mark = guest.send(a, [[
            for n in $(seq 0 39); do dd if=/tmp/sent bs=200000 skip=$n count=1; usleep 80000; done | nc -w 5 10.9.1.2 5000
            md5sum </tmp/sent]])
        for _ = 1, 3 do
            Start-Sleep(0.5)
            local found = hit(a, "Network", "Crash")
            assert.are.equal(2, survivors(found))
            for _, one in pairs(found) do
                assert.is_true(one.CameBack)
                assert.is_true(one.Recovery.TotalSeconds < 1)
            end
        end
        local sent = guest.answer(a, mark):match("%x%x%x%x%x%x%x%x+")
        assert.is_not_nil(sent)
        assert.are.equal(sent, guest.ask(b, "sleep 1; md5sum </tmp/got"):match("%x%x%x%x%x%x%x%x+"))
    end)

    it("are harmless to others when a process hangs or writes wildly", function()
        local a, b = machine("a", "DriverDomain"), machine("b", "Microkernel")
        local found = hit(b, "Worker", "Hang")
        assert.is_false(found.b.Survived)
        assert.is_true(found.a.Survived)
        -- Let go on, it answers again.
        assert.is_truthy(guest.ask(b, "echo alive-$((6 * 7))"):find("alive-42", 1, true))
        for seed = 1, 3 do
            found = hit(a, "Disk", "WildWrite", seed)
            assert.is_true(found.b.Survived)
            assert.is_true(found.a.Survived)
        end
    end)

    it("of a switch are none of a machine that it does not serve", function()
        New-VMSwitch{ Name = "unseen", SwitchType = "Private" }
        local a, b = machine("a", "TrapAndEmulate", "unseen"), machine("b", "Microkernel", "unseen")
        local good, problem = pcall(Test_FaultContainment, { VM = a, Service = "Network", Fault = "Crash", Force = true })
        assert.is_false(good)
        assert.are.equal("VMServiceNotFound", problem.FullyQualifiedErrorId)
        assert.is_truthy(tostring(problem):find("TrapAndEmulate", 1, true), tostring(problem))
        local found = hit(b, "Network", "Crash")
        assert.is_nil(found.a.ProcessId)
        assert.is_nil(found.a.CameBack)
        assert.is_true(found.b.CameBack)
        assert.are.equal(2, survivors(found))
    end)

    it("are refused where nothing runs", function()
        local vm = guest.new{ Name = "off" }
        local good, problem = pcall(Test_FaultContainment, { VM = vm, Service = "Disk", Fault = "Crash", Force = true })
        assert.is_false(good)
        assert.are.equal("InvalidState", problem.FullyQualifiedErrorId)
    end)
end)
