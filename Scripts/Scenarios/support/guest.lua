-- The guests of the scenarios, and what one says to their shells: the small Linux that “Scripts/guest-image” makes, and the Debian server of
-- “Scripts/guest-image server”.
local architecture = require "support.architecture"
local guest = {}

-- Where the images lie.
guest.folder = os.getenv("LUNAVISOR_GUEST_CACHE")
    or (os.getenv("XDG_CACHE_HOME") or os.getenv("HOME") .. "/.cache") .. "/lunavisor/guest"

local function make(settings, arguments)
    local all = {
        MemoryStartupBytes = 128MB, NoVHD = not settings.VHDPath and true or nil, KernelPath = guest.folder .. "/vmlinuz",
        InitialRamdiskPath = guest.folder .. "/initrd.img", KernelArguments = arguments,
    }
    for name, value in pairs(settings) do all[name] = value end
    if (settings.Architecture or architecture.name) == "TrapAndEmulate" then
        -- Nobody tells the guest how fast its clock is, and on a busy host it would measure that badly.
        all.KernelArguments = all.KernelArguments .. " tsc_early_khz=1000000"
    end
    return New-VM(all)
end

-- Makes a VM for the small Linux; `settings` are New-VM's, those that differ.
function guest.new(settings) return make(settings, "console=ttyS0 quiet panic=-1 cryptomgr.notests") end

-- Starts it unless it runs; back when its shell takes commands.
function guest.start(vm)
    if vm.State ~= "Running" then Start-VM(vm) end
    Wait-VM{ VM = vm, For = "Console", Pattern = "guest# ", Timeout = 300 }
    return vm
end

-- Makes a VM for the Debian server with a disk of its own, which it returns, too: one that differs from the image.
function guest.newServer(settings)
    local disk = New-VHD{
        Path = guest.folder .. "/" .. settings.Name .. "-" .. os.time() .. ".vhdx", ParentPath = guest.folder .. "/server.vhdx",
        Differencing = true,
    }
    local all = { MemoryStartupBytes = 512MB, VHDPath = disk.Path }
    for name, value in pairs(settings) do all[name] = value end
    return make(all, "console=ttyS0 root=/dev/sda cryptomgr.notests"), disk
end

-- The same as `start`, for the server.
function guest.startServer(vm)
    if vm.State ~= "Running" then Start-VM(vm) end
    Wait-VM{ VM = vm, For = "Console", Pattern = "server# ", Timeout = 600 }
    guest.must(vm, "dmesg -n 1; bind 'set enable-bracketed-paste off'")
    return vm
end

local asked = 0

-- Types commands into the shell; what `answer` wants to know of them.
function guest.send(vm, commands, errors)
    asked = asked + 1
    local mark = "mark" .. asked
    -- The words as typed differ from those that are printed; the shell runs nothing before it has read the closing brace.
    Send-VMConsole(vm, 'echo begin""' .. mark .. "; { " .. commands .. "\n} 2>" .. (errors or "/dev/null") .. '; echo end""' .. mark .. "=$?\n")
    return mark
end

-- Waits until those commands are done; what they printed, and their exit code.
function guest.answer(vm, mark, seconds)
    Wait-VM{ VM = vm, For = "Console", Pattern = "end" .. mark .. "=[0-9]", Timeout = seconds or 120 }
    local text = table.concat(Receive-VMConsole{ VM = vm, Tail = 2000 }, "\n")
    local _, start = text:find("begin" .. mark .. "\n", 1, true)
    local stop, _, code = text:find("\n?end" .. mark .. "=(%d+)", start or 1)
    return text:sub((start or 0) + 1, stop - 1), tonumber(code)
end

-- Runs commands in the shell; what they print, without their complaints, and their exit code.
function guest.ask(vm, commands, seconds) return guest.answer(vm, guest.send(vm, commands), seconds) end

-- Runs commands that must succeed; all that they print.
function guest.must(vm, commands, seconds)
    local text, code = guest.answer(vm, guest.send(vm, commands, "&1"), seconds)
    assert.are.equal(0, code, commands .. "\n" .. text)
    return text
end

return guest
