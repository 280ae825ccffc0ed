-- Writes an inventory of all virtual machines as CSV: one line each, with what an auditor asks for.
--   lunavisor Scripts/Examples/inventory.lua [FILE.csv]
local file = arg[1] or "inventory.csv"

local rows = Get-VM | Sort-Object Name | Select-Object Name, State, Generation, ProcessorCount,
    @{ Name = "MemoryMB"; Expression = { $_.MemoryStartup // 1MB } },
    @{ Name = "Disks"; Expression = { #$_.HardDrives } },
    @{ Name = "DiskBytes"; Expression = {
        local total = 0
        for _, drive in ipairs($_.HardDrives) do
            local disk = drive.Path and Get-VHD $drive.Path -ErrorAction SilentlyContinue
            total = total + (disk and disk.FileSize or 0)
        end
        return total
    } },
    @{ Name = "Switches"; Expression = { table.concat($_.NetworkAdapters.SwitchName, " ") } },
    @{ Name = "Checkpoints"; Expression = { #(Get-VMSnapshot -VMName $_.Name) } },
    CreationTime, Notes
rows | ConvertTo-Csv | Out-File $file
print(#rows .. " virtual machines are listed in " .. file)
