-- Which architecture machines have here that say none, and what it lacks: cases that need that are pending, for this reason. Nothing else
-- decides it. A need is named by what Microkernel has.
local architecture = { name = (Get-VMHost()).Architecture }

local needs = {
    "a hypervisor that is shown", "the VMBus", "a network card", "disks that come and go", "integration services", "a worker of its own",
}

local lacking = {
    Hosted = {
        ["a worker of its own"] = "Hosted: one process runs all machines, and they end with it (hosted.lua)",
    },
    TrapAndEmulate = {
        ["a hypervisor that is shown"] = "TrapAndEmulate: the guest is not told of the hypervisor (trapandemulate.lua)",
        ["the VMBus"] = "TrapAndEmulate: the guest has no VMBus, so no drivers for what is on it",
        ["a network card"] = "TrapAndEmulate: the guest has no VMBus, and there is no emulated network card",
        ["disks that come and go"] = "TrapAndEmulate: the guest has no VMBus, and its ATA disks change only while it is off",
        ["integration services"] = "TrapAndEmulate: the guest has no VMBus, over which it would meet integration services",
    },
}

-- How many devices a machine shows its guest at most.
architecture.mostDisks = architecture.name == "TrapAndEmulate" and 2 or math.huge
architecture.mostAdapters = architecture.name == "TrapAndEmulate" and 0 or math.huge

-- The reason why a need is not met here; nil: it is met.
function architecture.lacks(need)
    for _, known in ipairs(needs) do
        if known == need then return (lacking[architecture.name] or {})[need] end
    end
    error("no architecture knows the need “" .. tostring(need) .. "”", 2)
end

-- A case that needs something.
function architecture.it(need, name, body)
    local reason = architecture.lacks(need)
    if reason then pending(name, reason) else it(name, body) end
end

-- Cases all of which need something, as does what makes ready for them.
function architecture.describe(need, name, body)
    local reason = architecture.lacks(need)
    describe(name, function()
        if reason then setup(function() pending(reason) end) end
        body()
    end)
end

return architecture
