-- An unmodified Debian kernel with a hundred disks on four controllers and eight network adapters, or as many as its architecture has: it finds
-- all of them, reads from each disk what the host wrote there, and the host finds what the guest wrote.
local architecture = require "support.architecture"
local guest = require "support.guest"
local count = math.min(tonumber(os.getenv("LUNAVISOR_DISKS") or 100), architecture.mostDisks)
local adapters = math.min(8, architecture.mostAdapters)
local size = 1048576

-- A mebibyte of lines that say which disk it is; long ones, for the guest's shell makes them too.
local function pattern(word, number)
    local line = string.format("%s-%03d-", word, number):rep(113) .. "\n"
    return line:rep(size // #line + 1):sub(1, size)
end

-- Waits for the disks, then for each: its first mebibyte is the pattern that its first line begins; the second becomes one of ours.
local script = [[
t=0; while [ $(ls -d /sys/block/sd* | wc -l) -lt %d ] && [ $t -lt 1200 ]; do usleep 100000; t=$((t+1)); done;
echo disks: $(ls -d /sys/block/sd* | wc -l) adapters: $(ls -d /sys/class/net/eth* | wc -l) after $(cut -d' ' -f1 /proc/uptime) s;
g=0; for b in /sys/block/sd*; do d=/dev/${b##*/};
dd if=$d of=/tmp/r bs=1M count=1 iflag=direct 2>/dev/null; l=$(head -n 1 /tmp/r);
yes $l | head -c 1048576 | cmp -s - /tmp/r && g=$((g+1)) && echo $l >>/tmp/l;
yes $(echo $l | sed s/host/peer/g) | head -c 1048576 >/tmp/w; dd if=/tmp/w of=$d bs=1M seek=1 oflag=direct 2>/dev/null; done;
echo right: $g different: $(sort -u /tmp/l | wc -l) after $(cut -d' ' -f1 /proc/uptime) s]]

describe("a guest with " .. count .. " disks and " .. adapters .. " adapters", function()
    local vm, text
    local base = os.tmpname()
    local function path(number) return string.format("%s-%03d.raw", base, number) end

    setup(function()
        for number = 1, count do
            local file = assert(io.open(path(number), "wb"))
            assert(file:write(pattern("host", number), string.rep("\0", size)))
            file:close()
        end
        vm = guest.new{
            Name = "devices", MemoryStartupBytes = 512MB,
            KernelArguments = 'console=ttyS0 quiet panic=-1 cryptomgr.notests command="'
                .. script:format(count):gsub("\n", " ") .. '"',
        }
        Set-VMProcessor{ VM = vm, Count = 4 }
        while #Get-VMScsiController{ VM = vm } < 4 do Add-VMScsiController{ VM = vm } end
        for number = 1, count do
            Add-VMHardDiskDrive{
                VM = vm, ControllerNumber = (number - 1) % 4, ControllerLocation = (number - 1) // 4, Path = path(number),
            }
        end
        while #Get-VMNetworkAdapter{ VM = vm } < adapters do Add-VMNetworkAdapter{ VM = vm } end
        Start-VM(vm)
        Wait-VM{ VM = vm, For = "Off", Timeout = 600 }
        text = table.concat(Receive-VMConsole{ VM = vm }, "\n")
        print(text:match("disks: [^\n]*"))
        print(text:match("right: [^\n]*"))
    end)

    teardown(function()
        if vm and vm.State ~= "Off" then Stop-VM(vm, { TurnOff = true, Force = true }) end
        for number = 1, count do os.remove(path(number)) end
        os.remove(base)
    end)

    it("finds all of them", function()
        assert.is_not_nil(text:find(string.format("disks: %d adapters: %d ", count, adapters), 1, true))
    end)

    it("reads from each disk what is on it", function()
        assert.is_not_nil(text:find(string.format("right: %d different: %d ", count, count), 1, true))
    end)

    it("has written to each disk what the host finds there", function()
        for number = 1, count do
            local file = assert(io.open(path(number), "rb"))
            assert.are.equal(pattern("host", number), file:read(size))
            assert.are.equal(pattern("peer", number), file:read(size))
            file:close()
        end
    end)
end)
