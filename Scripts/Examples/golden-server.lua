-- A golden Debian server and its clones: the server is checkpointed while it runs; clones go on from that instant, each with a name, an
-- address and random numbers of its own; one is broken and gone back with; everything is merged while it runs; one is exported and
-- imported into a second store. After each step the sums of the servers' files are printed. The exit code is 0 only if all are equal.
--
-- “Scripts/guest-image server” has put kernel, ramdisk and the server's disk into the cache folder. LUNAVISOR_CLONES is how many clones
-- are made, ten if it is not set.
local cache = os.getenv("LUNAVISOR_GUEST_CACHE")
    or (os.getenv("XDG_CACHE_HOME") or os.getenv("HOME") .. "/.cache") .. "/lunavisor/guest"
local count = tonumber(os.getenv("LUNAVISOR_CLONES") or 10)
local name, asked = "golden", 0

-- What commands in a guest's shell print; they must succeed.
local function guest(vm, commands)
    asked = asked + 1
    local mark = "mark" .. asked
    -- The shell reads all of it before it does anything; the words as typed differ from those that are printed.
    Send-VMConsole(vm, 'echo begin""' .. mark .. "; { " .. commands .. '\n} 2>&1; echo end""' .. mark .. "=$?\n")
    Wait-VM{ VM = vm, For = "Console", Pattern = "end" .. mark .. "=[0-9]", Timeout = 300 }
    local text = table.concat(Receive-VMConsole{ VM = vm, Tail = 400 }, "\n")
    local _, start = text:find("begin" .. mark .. "\n", 1, true)
    local stop, _, code = text:find("end" .. mark .. "=(%d+)", start or 1)
    local printed = text:sub((start or 0) + 1, stop - 1)
    if code ~= "0" then error(vm.Name .. ": " .. commands .. "\n" .. printed) end
    return printed
end

-- The sum of the server's own files as its disk has them, whatever is in memory.
local function sum(vm)
    return guest(vm, "sync; echo 3 > /proc/sys/vm/drop_caches; cat /srv/* /usr/lib/os-release /usr/bin/[ab]* | sha256sum"):match("%x+")
end

local golden, differences = nil, 0
local function check(step, vm)
    local found = sum(vm)
    golden = golden or found
    local isEqual = found == golden
    if not isEqual then differences = differences + 1 end
    print(string.format("%-34s %-10s %s%s", step, vm.Name, found, isEqual and "" or "  DIFFERS"))
    return isEqual
end

local function untilMerged(vm)
    while Get-VM(vm.Name).Status:find("Merging") do Start-Sleep(0.1) end
    if #Get-VMSnapshot(vm) > 0 then error(vm.Name .. " still has checkpoints") end
end

local function turnOff(vm)
    if vm.State ~= "Off" then Stop-VM(vm, { TurnOff = true, Force = true }) end
end

-- The second store's part: another lunavisor runs this file with the export's folder and the sum that is expected.
if arg[1] == "import" then
    New-VMSwitch{ Name = name, SwitchType = "NAT", NatSubnet = "10.78.1.0/24" }
    local vm = Import-VM{ Path = arg[2], Copy = true, GenerateNewId = true, VhdDestinationPath = arg[4] }
    golden = arg[3]
    try(function()
        Start-VM(vm)
        check("in the second store", vm)
        print("its name is still " .. guest(vm, "hostname"):match("%S+") .. ".")
    end, nil, function()
        turnOff(vm)
        Remove-VM(vm, { Force = true, DeleteDisks = true })
        Remove-VMSwitch(name, { Force = true })
    end)
    os.exit(differences == 0 and 0 or 1)
end

local folder = os.tmpname()
os.remove(folder)
os.execute("mkdir -p '" .. folder .. "'")
local disk, switch, server
local clones = {}

-- A clone is told who it is, and makes its random numbers anew with that (RNDRESEEDCRNG), as a kernel with a driver for the generation
-- counter does by itself.
local function rename(clone, number)
    local mac = clone.NetworkAdapters[1].MacAddress:gsub("(%x%x)", "%1:", 5)
    local identity = clone.Id .. " " .. mac
    Set-VMKeyValuePair(clone, "CloneIdentity", identity)
    local told = guest(clone, "tr '\\0' ' ' < /var/lib/hyperv/.kvp_pool_0 | tee /dev/urandom; perl -e 'ioctl(STDIN, 0x5207, 0) or die $!' < /dev/urandom")
    if not told:find(identity, 1, true) then error(clone.Name .. " was not told who it is:\n" .. told) end
    guest(clone, "hostnamectl set-hostname clone-" .. number)
    guest(clone, "ip link set eth0 down && ip link set eth0 address " .. mac .. " && ip link set eth0 up")
    guest(clone, "ip addr flush dev eth0 && ip addr add 10.78.0." .. 100 + number .. "/24 dev eth0")
end

local function facts(clone)
    local text = guest(clone, "hostname; ip -4 -o addr show eth0 | awk '{print $4}'; cat /sys/class/net/eth0/address; head -c 16 /dev/urandom | sha256sum")
    return text:match("(%S+)%s+(%S+)%s+(%S+)%s+(%x+)")
end

local isDone = false
try(function()
    print("A golden server is built.")
    -- It lies beside the image, which stays as it is: only there is an image's parent trusted without being named.
    disk = New-VHD{ Path = cache .. "/" .. name .. "-" .. os.time() .. ".vhdx", ParentPath = cache .. "/server.vhdx", Differencing = true }
    switch = New-VMSwitch{ Name = name, SwitchType = "NAT", NatSubnet = "10.78.0.0/24" }
    server = New-VM{
        Name = name, MemoryStartupBytes = 512MB, VHDPath = disk.Path, SwitchName = name,
        KernelPath = cache .. "/vmlinuz", InitialRamdiskPath = cache .. "/initrd.img",
        KernelArguments = "console=ttyS0 root=/dev/sda cryptomgr.notests",
    }
    Set-VM{ VM = server, CheckpointType = "Standard" }
    Start-VM(server)
    Wait-VM{ VM = server, For = "Console", Pattern = "server# ", Timeout = 600 }
    Wait-VM{ VM = server, For = "IPAddress", Timeout = 300 }
    guest(server, "dmesg -n 1; bind 'set enable-bracketed-paste off'; systemctl stop systemd-networkd.socket systemd-networkd")
    guest(server, "dd if=/dev/urandom of=/srv/data bs=1M count=4 && echo golden > /srv/kind")
    check("built", server)
    Checkpoint-VM(server, "golden")
    check("checkpointed while it runs", server)

    print(count .. " clones go on from that instant.")
    local made = New-VM{ Name = "clone", FromCheckpoint = Get-VMSnapshot(server, "golden"), Count = count }
    for clone in $made do clones[#clones + 1] = clone end
    local seen = {}
    for number, clone in ipairs(clones) do
        Start-VM(clone)
        rename(clone, number)
        local host, address, mac, random = facts(clone)
        for _, fact in ipairs{ host, address, mac, random } do
            if seen[fact] then error("two servers have " .. fact) end
            seen[fact] = true
        end
        if mac:gsub(":", ""):upper() ~= clone.NetworkAdapters[1].MacAddress:upper() then error(clone.Name .. " has the address " .. mac) end
        check(host .. " " .. address .. " " .. mac:sub(-8), clone)
    end
    if count > 1 then
        guest(clones[1], "ping -c 3 -W 20 10.78.0." .. 100 + count)
        print("clone-1 reaches clone-" .. count .. ".")
    end

    print("One is broken, and gone back with.")
    local broken = clones[math.min(3, count)]
    Checkpoint-VM(broken, "healthy")
    guest(broken, "dd if=/dev/zero of=/srv/data bs=1M count=4 conv=notrunc; rm -f /usr/bin/[ab]*; sync")
    if sum(broken) == golden then error("nothing is broken") end
    Restore-VMSnapshot{ Name = "healthy", VMName = broken.Name, Confirm = false }
    Start-VM(broken)
    check("gone back", broken)

    print("Everything is merged while it runs.")
    Checkpoint-VM(server, "later")
    guest(server, "dd if=/dev/urandom of=/var/tmp/noise bs=1M count=4; (while :; do dd if=/dev/urandom of=/var/tmp/more bs=4k count=64 conv=fsync,notrunc; done) > /dev/null 2>&1 & echo $! > /run/noise")
    Checkpoint-VM(broken, "second")
    Remove-VMSnapshot(broken)
    untilMerged(broken)
    check("merged while it runs", broken)
    for _, clone in ipairs(clones) do
        if clone ~= broken then
            check("before it goes", clone)
            Stop-VM(clone, { TurnOff = true, Force = true })
            Remove-VM(clone, { Force = true })
        end
    end

    print("The one that was broken is exported while it runs, and imported into a second store.")
    Export-VM(broken, folder .. "/exports")
    check("exported", broken)
    local shell = io.popen("readlink /proc/$PPID/exe"):read("l")
    local command = string.format(
        "'%s' --store '%s/second' '%s' import '%s/exports/%s' %s '%s/disks'", shell, folder, arg[0], folder, broken.Name, golden, folder)
    local succeeded = os.execute(command)
    if not succeeded then differences = differences + 1 end
    turnOff(broken)
    Remove-VM(broken, { Force = true })

    -- Nothing stands on the golden checkpoint any more.
    Remove-VMSnapshot(server)
    untilMerged(server)
    guest(server, "kill $(cat /run/noise); rm /var/tmp/noise /var/tmp/more")
    check("merged while it writes", server)
    Stop-VM(server, { Force = true })
    if not Test-VHD(disk.Path) then error("the server's disk is damaged") end
    Start-VM(server)
    Wait-VM{ VM = server, For = "Console", Pattern = "server# ", Timeout = 600 }
    Wait-VM{ VM = server, For = "IPAddress", Timeout = 300 }
    guest(server, "dmesg -n 1; bind 'set enable-bracketed-paste off'")
    check("booted again", server)
    isDone = true
end, nil, function()
    for clone in Get-VM("clone*") do
        turnOff(clone)
        Remove-VM(clone, { Force = true })
    end
    if server then
        turnOff(server)
        Remove-VM(server, { Force = true })
    end
    if switch then Remove-VMSwitch(name, { Force = true }) end
    if disk then os.remove(disk.Path) end
    os.execute("rm -rf '" .. folder .. "'")
end)
print(differences == 0 and "All sums are equal." or differences .. " sums differ.")
os.exit(isDone and differences == 0 and 0 or 1)
