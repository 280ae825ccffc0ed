-- Clones a golden image: each virtual machine gets a differencing disk that holds only what it writes itself.
--   lunavisor Scripts/Examples/golden-image.lua IMAGE.vhdx NAME [COUNT]
-- The image must not be written any more: the clones' disks build on it. It is made read-only for that.
local image, name, count = arg[1], arg[2] or "clone", tonumber(arg[3]) or 3
if not image then
    io.stderr:write("Say which image: golden-image.lua IMAGE.vhdx [NAME] [COUNT]\n")
    os.exit(2)
end
image = (Get-VHD $image).Path
os.execute("chmod a-w '" .. image:gsub("'", "'\\''") .. "'")

local folder = Split-Path $image
for number = 1, count do
    local clone = ("%s-%02d"):format(name, number)
    -- Beside the image: only there may a disk name its parent without being told to trust it.
    local disk = New-VHD -Path "$folder/$clone.vhdx" -ParentPath $image -Differencing
    New-VM -Name $clone -MemoryStartupBytes 512MB -VHDPath $disk.Path | Out-Null
end

Get-VM "$name-*" | Get-VMHardDiskDrive | Select-Object VMName, Path,
    @{ n = "OwnMB"; e = { (Get-VHD $_.Path).FileSize // 1MB } } | Format-Table
