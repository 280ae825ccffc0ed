-- The console: what the guest writes is kept, found and told apart by time; what is typed arrives whole; a hostile guest harms nobody.
local guest = require "support.guest"

describe("a console", function()
    local booted = fixture("console", function()
        return guest.start(guest.new{ Name = "original" })
    end)

    it("takes a long line as it was typed", function()
        local vm = booted()
        local text = string.rep("0123456789abcdef", 200)
        Send-VMConsole(vm, "stty -icanon; echo go-$((1 + 1)); head -c 3200 | md5sum")
        Wait-VM{ VM = vm, For = "Console", Pattern = "go-2", Timeout = 60 }
        Send-VMConsole(vm, text, { NoNewline = true })
        Wait-VM{ VM = vm, For = "Console", Pattern = "[0-9a-f]{32}  -", Timeout = 60 }
        local sum = table.concat(Receive-VMConsole(vm), "\n"):match("(" .. ("%x"):rep(32) .. ")  %-")
        -- What md5sum says of the same text here.
        local file = os.tmpname()
        local out = assert(io.open(file, "wb"))
        out:write(text)
        out:close()
        local pipe = assert(io.popen("md5sum < " .. file))
        local wanted = pipe:read("l"):match("%x+")
        pipe:close()
        os.remove(file)
        assert.are.equal(wanted, sum)
    end)

    it("finds text that was printed before it was looked for, and tells by time", function()
        local vm = booted()
        Send-VMConsole(vm, "echo early-$((6 * 7))\n")
        Wait-VM{ VM = vm, For = "Console", Pattern = "early-42", Timeout = 60 }
        -- Once more: it is still there.
        Wait-VM{ VM = vm, For = "Console", Pattern = "early-42", Timeout = 5 }
        Start-Sleep(0.2)
        local now = Get-Date
        local good, problem = pcall(Wait_VM, { VM = vm, For = "Console", Pattern = "early-42", Since = now, Timeout = 1 })
        assert.is_false(good)
        assert.are.equal("WaitTimeout", problem.FullyQualifiedErrorId)
    end)

    it("keeps its text when the machine is off", function()
        local vm = booted()
        Send-VMConsole(vm, "echo last-$((2 * 21))\n")
        Wait-VM{ VM = vm, For = "Console", Pattern = "last-42", Timeout = 60 }
        Stop-VM{ VM = vm, TurnOff = true, Force = true }
        assert.is_truthy(table.concat(Receive-VMConsole{ VM = vm, Tail = 5 }, "\n"):find("last-42", 1, true))
    end)

    it("lets no control sequence of the guest through to whoever reads a table", function()
        local vm = booted()
        Send-VMConsole(vm, "printf 'bell\\a and \\033[31mred\\033[0m end-'; echo $((40 + 2))\n")
        Wait-VM{ VM = vm, For = "Console", Pattern = "end-42", Timeout = 60 }
        local shown = Receive-VMConsole(vm) | Select-Object -Last 3 | Out-String
        assert.is_nil(shown:find("\27[31m", 1, true))
    end)
end)
