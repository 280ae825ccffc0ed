-- A Debian server beside everything that its drivers and daemons meet here: the bus and its drivers' unloading, network, disks that come
-- and go, integration services, saving under load, restart. “Scripts/guest-image server” has put the server's disk into the cache folder.
local architecture = require "support.architecture"
local guest = require "support.guest"
local name = "server-scenario"

describe("a Debian server", function()
    local vm, disk, data, folder
    local isNetworked = not architecture.lacks("a network card")
    local isServed = not architecture.lacks("integration services")

    local function must(commands, seconds) return guest.must(vm, commands, seconds) end

    -- The message of a command that must fail.
    local function failure(action)
        local succeeded, reason = pcall(action)
        assert.is_false(succeeded)
        return tostring(reason)
    end

    local function service(wanted)
        for s in Get-VMIntegrationService(vm) do
            if s.Name == wanted then return s end
        end
    end

    -- Asks until the answer is yes; the guest's own time is slow on a busy host.
    local function eventually(question, seconds)
        local finish = os.time() + (seconds or 60)
        while not question() do
            assert.is_true(os.time() < finish, "not within " .. (seconds or 60) .. " s")
            Start-Sleep(0.5)
        end
    end

    local gateway = "10.79.0.2"

    setup(function()
        folder = (Get-VMHost()).StorePath
        data = folder .. "/data.vhdx"
        if isNetworked then New-VMSwitch{ Name = name, SwitchType = "NAT", NatSubnet = "10.79.0.0/24" } end
        vm, disk = guest.newServer{ Name = name, SwitchName = isNetworked and name or nil }
        Set-VMProcessor{ VM = vm, Count = 2 }
        Enable-VMIntegrationService{ VM = vm, Name = "Guest Service Interface" }
        guest.startServer(vm)
        if isNetworked then Wait-VM{ VM = vm, For = "IPAddress", Timeout = 120 } end
    end)

    teardown(function()
        if vm and vm.State ~= "Off" then Stop-VM(vm, { TurnOff = true, Force = true }) end
        if disk then os.remove(disk.Path) end
    end)

    architecture.it("the VMBus", "lists its devices, each with Linux's own driver", function()
        local text = must("for d in /sys/bus/vmbus/devices/*; do basename $(readlink $d/driver); done | sort | uniq -c")
        for _, driver in ipairs{ "hv_netvsc", "hv_storvsc", "hv_utils", "hv_balloon", "hyperv_keyboard" } do
            assert.is_truthy(text:find(driver, 1, true), driver .. " is missing in:\n" .. text)
        end
    end)

    architecture.it("a network card", "has a network queue and a disk queue for each processor", function()
        assert.is_truthy(must("ethtool -l eth0"):find("Combined:%s+2%s.*Combined:%s+2"))
        assert.is_truthy(must("ls /sys/block/sda/mq | wc -l"):find("2"))
        local offloads = must("ethtool -k eth0")
        for _, offload in ipairs{ "tx-checksum-ipv4: on", "tcp-segmentation-offload: on", "rx-checksumming: on", "large-receive-offload: on" } do
            assert.is_truthy(offloads:find(offload, 1, true), offload)
        end
        assert.is_truthy(must("ethtool -S eth0"):find("rx_queue_1_packets"))
    end)

    architecture.it("a network card", "reaches the gateway and the name server", function()
        must("ping -c2 -W5 " .. gateway .. " && ping -c1 -W5 10.79.0.3")
    end)

    architecture.it("a network card", "unloads and loads the network's driver", function()
        must("modprobe -r hv_netvsc && [ ! -e /sys/class/net/eth0 ] && modprobe hv_netvsc")
        must("for i in $(seq 60); do ping -c1 -W2 " .. gateway .. " >/dev/null && break; sleep 1; done; ping -c1 -W5 " .. gateway, 180)
    end)

    architecture.it("integration services", "unloads and loads hv_utils, and its services answer again", function()
        -- The daemons hold the module in use; without them it goes.
        must("systemctl stop hv-kvp-daemon hv-vss-daemon hv-fcopy-daemon && modprobe -r hv_utils")
        eventually(function() return service("Heartbeat").PrimaryStatusDescription == "No Contact" end)
        must("modprobe hv_utils && sleep 1; systemctl start hv-kvp-daemon hv-vss-daemon hv-fcopy-daemon")
        for _, each in ipairs{ "Heartbeat", "Shutdown", "Time Synchronization", "VSS", "Key-Value Pair Exchange", "Guest Service Interface" } do
            eventually(function() return service(each).PrimaryStatusDescription == "OK" end, 90)
        end
    end)

    architecture.it("the VMBus", "unloads and loads the sockets' driver, and unbinds and binds the memory's, which Linux never unloads", function()
        must("modprobe -r hv_sock && modprobe hv_sock")
        must("cd /sys/bus/vmbus/drivers/hv_balloon && d=$(ls | grep 1eccfd72) && echo $d >unbind && sleep 1 && echo $d >bind; cd; dmesg | tail -1")
        eventually(function() return vm.MemoryDemand > 0 end)
    end)

    architecture.it("integration services", "takes files by Copy-VMFile, and says why it does not", function()
        local path = folder .. "/copied.bin"
        local file = assert(io.open(path, "wb"))
        for i = 1, 20000 do file:write(string.format("%09d\n", i * 7919)) end
        file:close()
        Copy-VMFile{ VM = vm, SourcePath = path, DestinationPath = "/root/new/copied.bin", FileSource = "Host", CreateFullPath = true }
        assert.is_truthy(must("awk '{ n += $1 } END { printf \"%.0f\\n\", n }' /root/new/copied.bin; wc -c </root/new/copied.bin"):find("1583879190000\n200000", 1, true))
        local copy = { VM = vm, SourcePath = path, FileSource = "Host" }
        copy.DestinationPath = "/root/new/copied.bin"
        assert.is_truthy(failure(function() Copy-VMFile(copy) end):find("already in the guest", 1, true))
        copy.DestinationPath = "/proc/copied.bin"
        assert.is_truthy(failure(function() Copy-VMFile(copy) end):find("cannot create", 1, true))
        must("systemctl stop hv-fcopy-daemon")
        copy.DestinationPath = "/root/other.bin"
        assert.is_truthy(failure(function() Copy-VMFile(copy) end):find("cannot create", 1, true))
        -- Without its daemon: Linux 6.1 falls over one that registers while the service's channel is opened anew.
        Disable-VMIntegrationService{ VM = vm, Name = "Guest Service Interface" }
        assert.is_truthy(failure(function() Copy-VMFile(copy) end):find("is off", 1, true))
        Enable-VMIntegrationService{ VM = vm, Name = "Guest Service Interface" }
        eventually(function() return service("Guest Service Interface").PrimaryStatusDescription == "OK" end)
        must("systemctl start hv-fcopy-daemon")
        eventually(function() return (pcall(function() Copy-VMFile(copy) end)) end)
        os.remove(path)
    end)

    architecture.it("integration services", "is given pairs, and refuses addresses without a script that sets them", function()
        Set-VMKeyValuePair(vm, "Role", "frontend")
        assert.is_truthy(must("tr '\\0' ' ' </var/lib/hyperv/.kvp_pool_0"):find("Role.*frontend"))
        Remove-VMKeyValuePair(vm, "Role")
        local reason = failure(function() Set-VMNetworkAdapterIPConfiguration{ VM = vm, IPAddress = "10.79.0.77", Subnet = "255.255.255.0" } end)
        assert.is_truthy(reason:find("0x80004005", 1, true), reason)
    end)

    architecture.it("disks that come and go", "finds a disk that comes, keeps files on it, and loses it without harm", function()
        New-VHD{ Path = data, SizeBytes = 256MB, Dynamic = true }
        Add-VMHardDiskDrive{ VM = vm, Path = data, ControllerLocation = 5 }
        must("for i in $(seq 60); do [ -b /dev/sdb ] && break; sleep 0.5; done; mkfs.ext4 -q /dev/sdb && mount /dev/sdb /mnt")
        must("head -c 60000000 /dev/urandom >/mnt/large && head -c 5000000 /dev/urandom >/mnt/kept && sha256sum /mnt/kept >/root/kept.sum && sync")
        must("rm /mnt/large && sync && fstrim /mnt && umount /mnt && fsck.ext4 -fn /dev/sdb")
        Remove-VMHardDiskDrive{ VMName = name, ControllerType = "SCSI", ControllerNumber = 0, ControllerLocation = 5 }
        must("for i in $(seq 60); do [ -b /dev/sdb ] || break; sleep 0.5; done; [ ! -b /dev/sdb ]")
        assert.is_true(Test-VHD(data))
        local size = (Get-VHD(data)).FileSize
        assert.is_true(size < 60000000, "the file still has " .. size .. " bytes")
        Add-VMHardDiskDrive{ VM = vm, Path = data, ControllerLocation = 6 }
        must("for i in $(seq 60); do [ -b /dev/sdb ] && break; sleep 0.5; done; mount /dev/sdb /mnt && sha256sum -c --quiet /root/kept.sum && umount /mnt")
    end)

    it("keeps its work over Save-VM, many times", function()
        must("(cd /root; i=0; while [ ! -e stop ]; do i=$((i+1)); head -c 2000000 /dev/urandom >a; dd if=a of=b bs=64k conv=fsync 2>/dev/null; "
            .. "echo 1 >/proc/sys/vm/drop_caches; cmp a b || echo differ >>bad; done; echo $i >rounds) </dev/null >/dev/null 2>&1 &")
        if isNetworked then must("(ping -i 0.2 " .. gateway .. " >/root/pings) </dev/null >/dev/null 2>&1 &") end
        for _ = 1, 5 do
            Start-Sleep(math.random() * 1.5)
            Save-VM(vm)
            assert.are.equal("Saved", vm.State)
            Start-VM(vm)
        end
        must("touch /root/stop; for i in $(seq 100); do [ -s /root/rounds ] && break; sleep 0.5; done; [ -s /root/rounds ] && [ ! -e /root/bad ]", 180)
        if isNetworked then
            -- The guest asks for its address again when its link comes back.
            must("kill $(pidof ping); for i in $(seq 60); do ip route get " .. gateway .. " && break; sleep 1; done; ping -c1 -W5 " .. gateway, 180)
        end
    end)

    architecture.it("integration services", "has the host's time after all that", function()
        local guestTime = tonumber(must("date +now=%s"):match("now=(%d+)"))
        assert.is_true(math.abs(guestTime - os.time()) < 15, "the guest's clock is " .. guestTime - os.time() .. " s off")
    end)

    it("restarts when asked, and what was written is there", function()
        -- Linux names disks in the order in which it finds them, so with a second one /dev/sda might be that.
        if #Get-VMHardDiskDrive(vm) > 1 then
            Remove-VMHardDiskDrive{ VMName = name, ControllerType = "SCSI", ControllerNumber = 0, ControllerLocation = 6 }
        end
        must("head -c 20000000 /dev/urandom >/root/whole && sha256sum /root/whole >/root/whole.sum")
        if isServed then
            Restart-VM{ VM = vm, Type = "Reboot", Force = true, Wait = true, For = "Heartbeat", Timeout = 400 }
            Wait-VM{ VM = vm, For = "Console", Pattern = "server# ", Timeout = 200 }
        else
            local before = Get-Date
            Send-VMConsole(vm, "reboot\n")
            -- The old shell gives its prompt once more before it ends.
            Wait-VM{ VM = vm, For = "Console", Pattern = "Linux version", Since = before, Timeout = 300 }
            guest.startServer(vm)
        end
        must("sha256sum -c --quiet /root/whole.sum && dmesg -n 1")
    end)

    it("shuts down when asked", function()
        if isServed then
            Stop-VM(vm)
        else
            Send-VMConsole(vm, "poweroff\n")
            Wait-VM{ VM = vm, For = "Off", Timeout = 200 }
        end
        assert.are.equal("Off", vm.State)
        Wait-VM{ VM = vm, For = "Console", Pattern = "poweroff.target", Timeout = 5 }
        -- Its file system was left clean: nothing is to be replayed.
        assert.is_true(Test-VHD(disk.Path))
    end)
end)
