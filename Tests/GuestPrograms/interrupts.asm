; External interrupts as the engine delivers them. Writing a vector to port 0xF5 makes one pending, writing to 0xF6 an NMI.
%include "machine32.inc"

%macro raise 1
    mov al, %1
    out 0xf5, al
%endmacro

main:
    mov dword [resume], 0               ; the handler returns by IRET
    ; Pending with IF clear: nothing. Behind STI: one instruction later.
    raise 40
    nop
    check [count], 0, "interrupt with IF clear"
    xor eax, eax
    sti
    inc eax
behind_shadow:
    inc eax
    cli
    check eax, 2, "registers kept"
    check [count], 1, "interrupt behind STI"
    check [last_vector], 40, "its vector"
    check [last_ip], behind_shadow, "STI holds it off by one instruction"
    ; STI then CLI: none.
    raise 41
    sti
    cli
    check [count], 1, "STI CLI lets none in"
    ; POPF holds nothing off.
    push dword 0x202
    popfd
behind_popf:
    nop
    cli
    check [last_ip], behind_popf, "POPF lets it in at once"
    check [count], 2, "delivered so far"
    ; HLT waits for it and goes on behind.
    mov ecx, 3
wait_loop:
    push ecx
    raise 43
    pop ecx
    sti
    hlt
behind_halt:
    cli
    check [last_ip], behind_halt, "HLT: address"
    loop wait_loop
    check [count], 5, "HLT"
    ; An NMI needs no IF; the next one waits for IRET.
    out 0xf6, al
    nop
    check [last_vector], 2, "NMI"
    check [count], 6, "NMI with IF clear"
    mov edx, nmi_handler
    mov eax, 2
    mov cl, 0x8e
    mov bx, CODE32
    call set_gate32
    out 0xf6, al
    nop
    check [nested], 0, "NMI inside an NMI"
    check [runs], 2, "the second NMI came behind IRET"
    ; REP is interruptible between iterations: registers stand in its middle, the address is its own.
    mov dword [count], 0
    mov edi, SCRATCH
    mov ecx, 0x10000                    ; a run of iterations may be long, but not this long
    xor eax, eax
    cld
    raise 44
    sti
at_string:
    rep stosb
    cli
    check [count], 1, "interrupt in REP"
    check [last_ip], at_string, "interrupt in REP: address"
    check ecx, 0, "REP went on"
    jmp finish

nmi_handler:
    inc dword [runs]
    inc dword [inside]
    cmp dword [runs], 1
    jne .second
    push eax
    out 0xf6, al
    nop
    pop eax
.second:
    cmp dword [inside], 1
    je .leave
    inc dword [nested]
.leave:
    dec dword [inside]
    iret
runs: dd 0
inside: dd 0
nested: dd 0
