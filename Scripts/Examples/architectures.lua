-- A tour of the architectures: one guest boots under each and does the same work; then a disk's process is killed under each.
--   lunavisor Scripts/Examples/architectures.lua [REQUESTS]
-- Scripts/guest-image has put the kernel and the ramdisk into the cache folder. On a terminal pictures follow the table.
local cache = os.getenv("LUNAVISOR_GUEST_CACHE")
    or (os.getenv("XDG_CACHE_HOME") or os.getenv("HOME") .. "/.cache") .. "/lunavisor/guest"
local kernel, ramdisk = cache .. "/vmlinuz", cache .. "/initrd.img"
local requests = tonumber(arg[1]) or 2000

-- Where the parts of each run, from the guest downwards: the box, and what is counted on the way to the next.
local devices = "SCSI, network, integration services"
local pictures = {
    Microkernel = {
        { "guest: a child partition, its rings 0 to 3", "GuestToHypervisor" }, { "worker │ hypervisor: processors, memory, interrupts", "HypervisorToParent" },
        { "       │ parent partition: " .. devices, "SystemCalls" },
    },
    Monolithic = {
        { "guest: its rings 0 to 3", "GuestToHypervisor" }, { "worker │ hypervisor and drivers: " .. devices, "SystemCalls" },
    },
    DriverDomain = {
        { "guest: a child partition, its rings 0 to 3", "GuestToHypervisor" }, { "worker │ hypervisor: processors, memory, interrupts", "HypervisorToParent" },
        { "       │ parent partition: " .. devices, "ProcessToProcess" }, { "disk service: formats; no memory of the guest's", "ServiceSystemCalls" },
    },
    Hosted = {
        { "guests: child partitions, their rings 0 to 3", "GuestToHypervisor" }, { "one process │ hypervisors of all machines", "HypervisorToParent" },
        { "            │ parents of all: " .. devices, "SystemCalls" },
    },
    TrapAndEmulate = {
        { "guest: its rings 0 to 3; it is told of nothing", "GuestToHypervisor" }, { "worker │ each privileged instruction, and ports", "HypervisorToParent" },
        { "       │ emulated: ATA disks, serial ports, clock", "SystemCalls" },
    },
}

local function draw(architecture, figures)
    local bar = ("─"):rep(66)
    print("\n" .. architecture .. ", for each disk request read")
    for _, part in ipairs(pictures[architecture]) do
        local text, kind = part[1], part[2]
        print("┌" .. bar .. "┐\n│ " .. text .. (" "):rep(65 - utf8.len(text)) .. "│\n└" .. ("─"):rep(8) .. "┬" .. ("─"):rep(57) .. "┘")
        print(("         ▼ %.2f %s"):format(figures[kind] or 0, kind))
    end
    print("  Linux: files, sockets, threads")
end

local function compare()
    local all = Measure-Architecture{ KernelPath = kernel, InitialRamdiskPath = ramdisk, Requests = requests }
    print(("%-15s%-12s%9s%8s%8s%10s%10s%8s"):format("", "each", "µs", "times", "CPU", "to hyp.", "to proc.", "calls"))
    for each in $all do
        print(("%-15s%-12s%8.1f%8.2f%8.2f%10.2f%10.2f%8.2f"):format(each.Architecture, each.Work, each.Latency.TotalMilliseconds * 1000,
            each.RelativeLatency, each.RelativeCpuTime, each.GuestToHypervisor, each.ProcessToProcess, each.SystemCalls + each.ServiceSystemCalls))
    end
    if os.execute("test -t 1") then
        for each in $all do if each.Work == "DiskRead" then draw(each.Architecture, each) end end
    end
end

-- Two machines of each; the process that serves the first one's disk is killed.
local function harm(architecture)
    local folder = (Get-VMHost()).StorePath
    local vms = {}
    for number = 1, 2 do
        local vm = New-VM{
            Name = "tour-" .. number, Architecture = architecture, MemoryStartupBytes = 128MB, NewVHDPath = folder .. "/tour-" .. number .. ".vhdx",
            NewVHDSizeBytes = 16MB, KernelPath = kernel, InitialRamdiskPath = ramdisk,
            KernelArguments = "console=ttyS0 quiet panic=-1 cryptomgr.notests tsc_early_khz=1000000",
        }
        Start-VM(vm)
        Wait-VM{ VM = vm, For = "Console", Pattern = "guest# ", Timeout = 300 }
        vms[number] = vm
    end
    local found = Test-FaultContainment{ VM = vms[1], Service = "Disk", Fault = "Crash", Force = true }
    for _, vm in ipairs(vms) do
        if vm.State ~= "Off" then Stop-VM{ VM = vm, TurnOff = true, Force = true } end
        Remove-VM{ VM = vm, Force = true, DeleteDisks = true }
    end
    return found
end

compare()
print("\nThe process that serves the first machine's disk is killed:")
local findings = {}
for _, architecture in ipairs{ "Microkernel", "Monolithic", "DriverDomain", "Hosted", "TrapAndEmulate" } do
    for _, finding in ipairs(harm(architecture)) do findings[#findings + 1] = finding end
end
$findings | Format-Table Architecture, VMName, IsTarget, Survived, CameBack, Recovery
print("\nWhat a guest's isolation rests on:")
Get-TrustedComputingBase | Format-Table Architecture, Process, Number, Lines, Reach
