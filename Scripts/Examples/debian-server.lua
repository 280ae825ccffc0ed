-- A Debian server on a dynamic VHDX and a NAT switch: boots, gets an address, says who it is, and shuts down when asked to.
-- “Scripts/guest-image server” has put kernel, ramdisk and the server's disk into the cache folder.
local cache = os.getenv("LUNAVISOR_GUEST_CACHE")
    or (os.getenv("XDG_CACHE_HOME") or os.getenv("HOME") .. "/.cache") .. "/lunavisor/guest"

-- What the server writes goes to a disk of its own beside the image, which stays as it is.
local folder = os.getenv("TMPDIR") or "/tmp"
local disk = folder .. "/debian-server-" .. os.time() .. ".vhdx"
New-VHD -Path $disk -ParentPath "$cache/server.vhdx" -Differencing | Out-Null
local switch = New-VMSwitch -Name "debian-server" -SwitchType NAT -NatSubnet 10.77.0.0/24

local vm = New-VM{
    Name = "debian-server", MemoryStartupBytes = 512MB, VHDPath = disk, SwitchName = switch.Name,
    KernelPath = cache .. "/vmlinuz", InitialRamdiskPath = cache .. "/initrd.img",
    KernelArguments = "console=ttyS0 root=/dev/sda cryptomgr.notests",
}
Set-VMProcessor $vm -Count 2
Start-VM $vm
print("Waiting for the server's address …")
Wait-VM $vm -For IPAddress -Timeout 600

print("\nThe server has the address " .. vm.NetworkAdapters[1].IPAddresses[1] .. ".")
Get-VM $vm | Format-List

print("Shutting it down; the console's last lines:")
Stop-VM $vm -Force
Receive-VMConsole $vm | Select-Object -Last 12 | ForEach-Object { print("  " .. $_) }

Remove-VM $vm -Force
Remove-VMSwitch $switch -Force
os.remove(disk)
