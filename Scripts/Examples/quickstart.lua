-- Boots the Debian guest in a child partition with two processors, shows what it said, and stops it.
-- Scripts/guest-image has put the kernel and the ramdisk into the cache folder.
local cache = os.getenv("LUNAVISOR_GUEST_CACHE")
    or (os.getenv("XDG_CACHE_HOME") or os.getenv("HOME") .. "/.cache") .. "/lunavisor/guest"

local vm = New-VM{
    Name = "quickstart", MemoryStartupBytes = 256MB, NoVHD = true,
    KernelPath = cache .. "/vmlinuz", InitialRamdiskPath = cache .. "/initrd.img",
    KernelArguments = "console=ttyS0 panic=-1",
}
Set-VMProcessor $vm -Count 2
Start-VM $vm
Wait-VM $vm -For Console -Pattern "== ready ==" -Timeout 300

print("What the guest said:")
Receive-VMConsole $vm | Where-Object { $_ -match "Hypervisor detected|Linux version|Lunavisor guest|^Linux |processors:" } | ForEach-Object { print("  " .. $_) }

print("\nWhile it runs:")
Get-VM
Get-Partition

Send-VMConsole $vm "poweroff\n"
Wait-VM $vm -For Off -Timeout 60

print("\nAfter it powered off:")
Get-VM
Get-Partition
Remove-VM $vm -Force
