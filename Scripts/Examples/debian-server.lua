-- A Debian server on a dynamic VHDX and a NAT switch: boots, gets an address, says who it is, and shuts down when asked to.
-- “Scripts/guest-image server” has put kernel, ramdisk and the server's disk into the cache folder.
local cache = os.getenv("LUNAVISOR_GUEST_CACHE")
    or (os.getenv("XDG_CACHE_HOME") or os.getenv("HOME") .. "/.cache") .. "/lunavisor/guest"
local name = "debian-server"
local vm, disk, switch

try(function()
    -- What the server writes goes to a disk of its own. It lies beside the image, which stays as it is: only there is an image's
    -- parent trusted without being named.
    disk = New-VHD -Path "$cache/$name-$(os.time()).vhdx" -ParentPath "$cache/server.vhdx" -Differencing
    switch = New-VMSwitch $name -SwitchType NAT -NatSubnet 10.77.0.0/24
    vm = New-VM{
        Name = name, MemoryStartupBytes = 512MB, VHDPath = disk.Path, SwitchName = switch.Name,
        KernelPath = cache .. "/vmlinuz", InitialRamdiskPath = cache .. "/initrd.img",
        KernelArguments = "console=ttyS0 root=/dev/sda cryptomgr.notests",
    }
    Start-VM $vm
    print("Waiting for the server's address …")
    Wait-VM $vm -For IPAddress -Timeout 600
    print("The server has the address " .. vm.NetworkAdapters[1].IPAddresses[1] .. ".")
    Get-VM | Format-List

    print("Shutting it down; its console says:")
    local now = Get-Date
    Stop-VM $vm
    Receive-VMConsole $vm -Since $now | ForEach-Object { print("  " .. $_) }
end, nil, function()
    if vm then
        if vm.State ~= "Off" then Stop-VM $vm -TurnOff -Force end
        Remove-VM $vm -Force
    end
    if switch then Remove-VMSwitch $switch -Force end
    if disk then os.remove(disk.Path) end
end)
