-- Two Debian servers on a private switch exchange a file while a third VM's worker is killed (where it has one of its own), one adapter moves
-- to another VLAN and back, and both are saved and started in the middle. LUNAVISOR_TRANSFER_MIB sets how much is sent (64).
-- “Scripts/guest-image server” has put the server's disk into the cache folder.
local architecture = require "support.architecture"
local guest = require "support.guest"
local isApart = not architecture.lacks("a worker of its own")
local mebibytes = math.tointeger(os.getenv("LUNAVISOR_TRANSFER_MIB") or 64)
local names = { "transfer-a", "transfer-b", "transfer-c" }

architecture.describe("a network card", "two servers on a private switch", function()
    local vms, disks = {}, {}
    local must = guest.must

    local function saveAndStart()
        for i = 1, 2 do Save-VM(vms[i]) end
        for i = 1, 2 do Start-VM(vms[i]) end
    end

    setup(function()
        New-VMSwitch{ Name = "transfer", SwitchType = "Private" }
        for i, name in ipairs(names) do
            vms[i], disks[i] = guest.newServer{ Name = name, SwitchName = "transfer" }
            Start-VM(vms[i])
        end
        for i, vm in ipairs(vms) do
            guest.startServer(vm)
            must(vm, "printf '[Match]\\nName=eth0\\n[Network]\\nAddress=10.9.0." .. i .. "/24\\n' >/etc/systemd/network/05-transfer.network; "
                .. "systemctl restart systemd-networkd; until ip addr show eth0 | grep -q 10.9.0; do sleep 0.5; done")
        end
    end)

    teardown(function()
        for _, vm in ipairs(vms) do
            if vm.State ~= "Off" then Stop-VM(vm, { TurnOff = true, Force = true }) end
        end
        for _, disk in ipairs(disks) do os.remove(disk.Path) end
    end)

    it("reach each other", function() must(vms[1], "ping -c3 -W5 10.9.0.2") end)

    it("exchange " .. mebibytes .. " MiB while " .. (isApart and "a third is killed, " or "") .. "an adapter changes its VLAN, and both are saved", function()
        must(vms[1], "head -c " .. (mebibytes << 20) .. " /dev/urandom >/root/sent", 900)
        must(vms[2], "(nc -l -p 5001 >/root/received; touch /root/done) </dev/null >/dev/null 2>&1 &\n"
            .. "until ss -ltn | grep -q :5001; do sleep 0.2; done")
        must(vms[1], "(nc -q 1 -w 600 10.9.0.2 5001 </root/sent; touch /root/done) >/dev/null 2>&1 &")
        Start-Sleep(1)
        if isApart then assert.is_true(os.execute("kill -9 " .. vms[3].WorkerProcessId)) end
        Set-VMNetworkAdapterVlan{ VMName = names[2], Access = true, VlanId = 7 }
        Start-Sleep(2)
        Set-VMNetworkAdapterVlan{ VMName = names[2], Untagged = true }
        for _ = 1, 3 do
            Start-Sleep(math.random() * 3)
            saveAndStart()
        end
        must(vms[2], "until [ -e /root/done ]; do sleep 0.5; done", 1800)
        local function sum(vm, file) return must(vm, "sha256sum </root/" .. file, 1800):match(("%x"):rep(64)) end
        local sent, received = sum(vms[1], "sent"), sum(vms[2], "received")
        assert.is_truthy(sent)
        assert.are.equal(sent, received)
        assert.are.equal(isApart and "Off" or "Running", vms[3].State)
        print("      " .. mebibytes .. " MiB, SHA-256 " .. sent)
    end)
end)
