-- Faults in every process under every architecture, as seeds choose them: eight, or as many as LUNAVISOR_FAULTS says, from the seed
-- LUNAVISOR_FAULT_SEED (1) on. What no process of a machine was hit by must not touch it, and what is said to come back must be back.
local guest = require "support.guest"

describe("a series of faults #faults", function()
    local count = tonumber(os.getenv("LUNAVISOR_FAULTS") or 8)
    local first = tonumber(os.getenv("LUNAVISOR_FAULT_SEED") or 1)
    local folder = (Get-VMHost()).StorePath
    local architectures = { "Microkernel", "Monolithic", "DriverDomain", "Hosted", "TrapAndEmulate" }
    local services, faults = { "Disk", "Network", "Worker", "Hypervisor" }, { "Crash", "Hang", "WildWrite" }
    local combinations = #architectures * #services * #faults
    -- One machine of each, and another that shares the process of the Hosted one.
    local kinds = { "Microkernel", "Monolithic", "DriverDomain", "Hosted", "TrapAndEmulate", "Hosted" }
    local machines, made = {}, 0
    -- All but one, which has no network card.
    local function isNetworked(place) return kinds[place] ~= "TrapAndEmulate" end

    local function boot(place)
        local vm = guest.start(machines[place])
        local network = isNetworked(place) and "ip link set eth0 up; ip addr add 10.9.0." .. place .. "/24 dev eth0; " or ""
        guest.must(vm, network .. "until [ -b /dev/sda ]; do usleep 50000; done")
    end

    local function make(place)
        made = made + 1
        local name = "m" .. made
        local path = folder .. "/" .. name .. ".vhdx"
        New-VHD{ Path = path, SizeBytes = 16MB, Dynamic = true }
        machines[place] = guest.new{
            Name = name, Architecture = kinds[place], VHDPath = path, SwitchName = isNetworked(place) and "between" or nil,
            MemoryStartupBytes = 96MB }
        boot(place)
    end

    local function off(vm)
        for _ = 1, 400 do
            if vm.State == "Off" then return end
            Start-Sleep(0.05)
        end
        error(vm.Name .. " is " .. vm.State)
    end

    local function answers(vm) return guest.ask(vm, "echo alive-$((6 * 7))"):find("alive-42", 1, true) ~= nil end
    local function reaches(place, other)
        -- Who took the place of another has another MAC address.
        guest.must(machines[place], "ip neigh flush dev eth0")
        return select(2, guest.ask(machines[place], "ping -c 1 -W 2 10.9.0." .. other .. " || ping -c 2 -W 3 10.9.0." .. other)) == 0
    end

    -- What the disk holds is what the guest wrote last, which it knows by its sum.
    local function write(vm)
        guest.must(vm, "dd if=/dev/urandom of=/tmp/a bs=64k count=16; dd if=/tmp/a of=/dev/sda bs=64k oflag=direct")
    end
    local function holds(vm)
        return select(2, guest.ask(vm, "echo 3 >/proc/sys/vm/drop_caches; dd if=/dev/sda bs=64k count=16 | cmp - /tmp/a")) == 0
    end

    -- The process that served it may end a moment after the worker.
    local function isSound(path)
        for _ = 1, 60 do
            local good, result = pcall(Test_VHD, path)
            if good then return result end
            Start-Sleep(0.05)
        end
        return Test-VHD(path)
    end

    setup(function()
        New-VMSwitch{ Name = "between", SwitchType = "Private" }
        for place = 1, #kinds do make(place) end
    end)

    it("takes down nothing but what it hits, and what is replaced is back within a second", function()
        local totals, longest = {}, 0
        for seed = first, first + count - 1 do
            -- All of them in turn, in an order that mixes them: 13 and their number have no common divisor.
            local choice = (seed * 13 + 11) % combinations
            local architecture = choice % #architectures + 1
            local service, fault = services[choice // #architectures % #services + 1], faults[choice // #architectures // #services + 1]
            local word = architectures[architecture] .. " " .. service .. " " .. fault .. ", seed " .. seed
            write(machines[architecture])
            -- The machine whose process is hit. No switch serves one without a network card: it must survive what hits the others'.
            local place = architecture
            if service == "Network" and not isNetworked(architecture) then
                local good, problem = pcall(Test_FaultContainment, { VM = machines[architecture], Service = service, Fault = fault, Force = true })
                assert.is_false(good, word)
                assert.are.equal("VMServiceNotFound", problem.FullyQualifiedErrorId)
                place = 1
            end
            local target = machines[place]
            local found = {}
            for one in Test-FaultContainment{ VM = target, Service = service, Fault = fault, Seed = seed, Timeout = fault == "Crash" and 10 or 2, Force = true } do
                found[one.VMName] = one
            end
            local isReplaced = service == "Network" or service == "Disk" and kinds[architecture] == "DriverDomain"
            local row = { hit = 0, survived = 0, lost = 0, back = 0 }
            for number, vm in ipairs(machines) do
                local one = found[vm.Name]
                local what = word .. ": " .. vm.Name .. " (" .. kinds[number] .. ")"
                assert.is_not_nil(one, what)
                if one.ProcessId then
                    row.hit = row.hit + 1
                    if one.CameBack then row.back = row.back + 1 end
                end
                if one.Survived then row.survived = row.survived + 1 end
                row.lost = row.lost + one.FailedRequests
                if isReplaced or not one.ProcessId then assert.is_true(one.Survived, what) end
                if not one.ProcessId then assert.is_true(answers(vm), what) end
                if one.Recovery then longest = math.max(longest, one.Recovery.TotalSeconds) end
                if fault == "Crash" and one.ProcessId and not isReplaced then assert.is_false(one.Survived, what) end
            end
            local one = found[target.Name]
            -- A machine's process does the work of one machine, that of hosted machines of two, a switch of all that have a network card.
            local reach = service == "Network" and #kinds - 1 or kinds[architecture] == "Hosted" and 2 or 1
            assert.are.equal(reach, row.hit, word)
            if fault == "Crash" and isReplaced then
                assert.is_true(one.CameBack, word)
                assert.is_true(one.Recovery.TotalSeconds < 1, word .. ": " .. one.Recovery.TotalSeconds .. " s")
                assert.are.equal(0, row.lost, word)
                assert.is_true(holds(machines[architecture]), word)
            end
            if fault == "Hang" then
                -- Let go on, it goes on.
                assert.is_true(answers(target), word)
                assert.is_true(holds(machines[architecture]), word)
            end
            -- Whatever a wild write did to a process, the next fault meets a sound one.
            if fault == "WildWrite" then os.execute("kill -9 " .. one.ProcessId .. " 2>/dev/null") end
            for number, vm in ipairs(machines) do
                if found[vm.Name].ProcessId and not isReplaced then
                    if fault == "WildWrite" then
                        off(vm)
                        make(number)
                    elseif fault == "Crash" then
                        off(vm)
                        assert.is_true(isSound(folder .. "/" .. vm.Name .. ".vhdx"), word)
                        boot(number)
                    end
                end
            end
            -- A disk that a service scribbled over is not read any more.
            if fault == "WildWrite" and service == "Disk" and isReplaced then
                Stop-VM{ VM = target, TurnOff = true, Force = true }
                make(architecture)
            end
            if service == "Network" then assert.is_true(reaches(place, place % 4 + 1), word) end
            local key = string.format("%-14s %-10s %-9s", architectures[architecture], service, fault)
            local total = totals[key] or { runs = 0, hit = 0, survived = 0, lost = 0, back = 0 }
            totals[key] = total
            total.runs = total.runs + 1
            for name, number in pairs(row) do total[name] = total[name] + number end
        end
        local keys = {}
        for key in pairs(totals) do keys[#keys + 1] = key end
        table.sort(keys)
        print("architecture   service    fault      runs  machines hit  of them back  all that survived  failed requests")
        for _, key in ipairs(keys) do
            local total = totals[key]
            print(string.format("%s %5d %13d %13d %14d/%d %16d", key, total.runs, total.hit, total.back, total.survived, #kinds * total.runs, total.lost))
        end
        print(string.format("%d faults; the longest return took %.0f ms", count, longest * 1000))
    end)
end)
