; Single step, breakpoints and debug registers, and code that changes itself.
%include "machine32.inc"

%macro armed 4                          ; DR number, address, R/W, LEN: sets DR7 for one breakpoint, clears DR6
    xor eax, eax
    mov dr6, eax
    mov eax, %2
    mov dr%1, eax
    mov eax, (3 << (%1 * 2)) | (%3 << (16 + %1 * 4)) | (%4 << (18 + %1 * 4))
    mov dr7, eax
%endmacro
%macro disarmed 0
    xor eax, eax
    mov dr7, eax
%endmacro

main:
    mov eax, cr4
    or eax, 8                           ; DE
    mov cr4, eax
    mov eax, dr7
    check eax, 0x400, "DR7 at reset"
    mov eax, dr6
    check eax, 0xffff0ff0, "DR6 at reset"
    ; Single step: the trap comes behind the instruction that follows POPF.
    begin_trap stepped
    xor eax, eax
    mov dr6, eax
    pushfd
    or dword [esp], 0x100
    popfd
    nop
behind_step:
    nop
stepped:
    check [last_vector], 1, "single step: vector"
    check [last_ip], behind_step, "single step: address"
    check [last_dr6], 0xffff4ff0, "single step: DR6"
    mov eax, [last_flags]
    and eax, 0x10100
    check eax, 0x100, "single step: TF pushed, RF clear"
    ; Steps are counted: handler returns by IRET, TF goes on.
    mov dword [resume], 0
    mov dword [count], 0
    pushfd
    or dword [esp], 0x100
    popfd
    nop
    nop
    nop
    pushfd
    and dword [esp], ~0x100
    popfd
    check [count], 6, "steps of NOP NOP NOP PUSHF AND POPF"
    ; A REP string traps behind each iteration.
    mov dword [count], 0
    mov esi, SCRATCH
    mov edi, SCRATCH + 0x100
    mov ecx, 5
    cld
    pushfd
    or dword [esp], 0x100
    popfd
    rep movsb
    pushfd
    and dword [esp], ~0x100
    popfd
    check [count], 8, "steps of a REP MOVSB of 5"
    ; MOV SS holds the trap off by one instruction.
    mov dword [count], 0
    mov ax, ss
    pushfd
    or dword [esp], 0x100
    popfd
    mov ss, ax
    nop
    pushfd
    and dword [esp], ~0x100
    popfd
    cmp dword [on_tcg], 0
    jne no_shadow
    check [count], 4, "MOV SS holds the step off"
no_shadow:
    ; STI does not: it holds off interrupts only.
    mov dword [count], 0
    cli
    pushfd
    or dword [esp], 0x100
    popfd
    sti
    nop
    pushfd
    and dword [esp], ~0x100
    popfd
    cli
    cmp dword [on_tcg], 0
    jne held_off
    check [count], 5, "STI does not hold the step off"
held_off:
    ; An execution breakpoint is a fault; RF in the image goes past it.
    armed 0, here, 0, 0
    begin_trap broken
here:
    nop
there:
    nop
broken:
    check [last_vector], 1, "execution breakpoint: vector"
    check [last_ip], here, "execution breakpoint: address"
    check [last_dr6], 0xffff0ff1, "execution breakpoint: DR6"
    ; With RF in the image the instruction runs; the breakpoint behind it is met.
    armed 1, there, 0, 0
    mov eax, here
    mov dr0, eax
    mov eax, 0xf
    mov dr7, eax
    begin_trap passed
    pushfd
    or dword [esp], 0x10000
    push cs
    push dword here
    iret
passed:
    check [last_vector], 1, "breakpoint behind RF: vector"
    check [last_ip], there, "breakpoint behind RF: address"
    disarmed
    jmp data_part

data_part:
    ; Data breakpoints are traps.
    armed 1, SCRATCH + 4, 1, 3
    begin_trap written
    mov ebx, [SCRATCH + 4]
    mov dword [SCRATCH + 6], ebx
behind_write:
    nop
written:
    check [last_vector], 1, "write breakpoint: vector"
    check [last_ip], behind_write, "write breakpoint: address"
    check [last_dr6], 0xffff0ff2, "write breakpoint: DR6"
    armed 2, SCRATCH + 8, 3, 0
    begin_trap loaded
    mov eax, [SCRATCH + 4]
    mov al, [SCRATCH + 9]
    mov eax, [SCRATCH + 6]
behind_read:
    nop
loaded:
    check [last_vector], 1, "access breakpoint: vector"
    check [last_ip], behind_read, "access breakpoint: address"
    check [last_dr6], 0xffff0ff4, "access breakpoint: DR6"
    armed 3, SCRATCH + 0x100, 1, 0
    begin_trap pushed
    mov edx, esp
    mov esp, SCRATCH + 0x104
    push edx
behind_push:
    nop
pushed:
    check [last_vector], 1, "write breakpoint by a push: vector"
    check [last_ip], behind_push, "write breakpoint by a push: address"
    mov esp, [saved_sp]
    ; A string stops behind the iteration that met it.
    armed 0, SCRATCH + 0x203, 1, 0
    begin_trap strung
    mov edi, SCRATCH + 0x200
    mov ecx, 16
    xor eax, eax
    rep stosb
strung:
    check [last_vector], 1, "write breakpoint in REP STOSB"
    cmp dword [on_tcg], 0
    jne no_count
    check ecx, 12, "write breakpoint in REP STOSB: iterations left"
no_count:
    ; Ports, with CR4.DE.
    armed 0, 0x80, 2, 0
    begin_trap ported
    out 0x80, al
behind_out:
    nop
ported:
    check [last_vector], 1, "port breakpoint: vector"
    check [last_ip], behind_out, "port breakpoint: address"
    disarmed
    ; General detect.
    xor eax, eax
    mov dr6, eax
    mov eax, 0x2000
    mov dr7, eax
    cmp dword [on_tcg], 0
    jne no_detect
    begin_trap detected
at_detect:
    mov ebx, dr0
detected:
    check [last_vector], 1, "general detect: vector"
    check [last_ip], at_detect, "general detect: address"
    check [last_dr6], 0xffff2ff0, "general detect: DR6"
no_detect:
    mov eax, dr7
    xor eax, eax
    mov dr7, eax
    ; DR4 and DR5: #UD with DE, DR6 and DR7 without.
    expect 6, 0, "DR4 with DE", db 0x0f, 0x21, 0xe0
    mov eax, cr4
    and eax, ~8
    mov cr4, eax
    db 0x0f, 0x21, 0xe8                 ; MOV EAX, DR5
    check eax, 0x400, "DR5 without DE"
    ; ICEBP
    cmp dword [on_tcg], 0
    jne no_icebp
    begin_trap iced
    db 0xf1
behind_ice:
iced:
    check [last_vector], 1, "INT1: vector"
    check [last_ip], behind_ice, "INT1: address"
no_icebp:

    ; Code that changes itself: the next instruction, its own immediate, behind a jump, by a string, 2^n times.
    mov byte [patched + 1], 7
patched:
    mov al, 1
    movzx eax, al
    check eax, 7, "the instruction behind the store"
    mov ecx, 100
    xor ebx, ebx
.loop:
    inc dword [.add + 2]
.add:
    add ebx, 0x00010000
    loop .loop
    sub dword [.add + 2], 100
    check ebx, 0x10000 * 100 + 5050, "an immediate that counts"
    mov edi, SCRATCH + 0x800
    mov esi, routine_a
    mov ecx, routine_b - routine_a
    rep movsb
    mov eax, SCRATCH + 0x800
    call eax
    check eax, 0xaaaa, "copied code"
    mov edi, SCRATCH + 0x800
    mov esi, routine_b
    mov ecx, routine_end - routine_b
    rep movsb
    mov eax, SCRATCH + 0x800
    call eax
    check eax, 0xbbbb, "code overwritten by a string"
    mov edi, SCRATCH + 0xffe                    ; code across two pages
    mov esi, routine_a
    mov ecx, routine_b - routine_a
    rep movsb
    mov eax, SCRATCH + 0xffe
    call eax
    check eax, 0xaaaa, "code across two pages"
    mov word [SCRATCH + 0x1000], 0xcccc >> 8
    mov eax, SCRATCH + 0xffe
    call eax
    mov ebx, [SCRATCH + 0xfff]
    check eax, ebx, "its second page changed"
    jmp finish

routine_a:
    mov eax, 0xaaaa
    ret
routine_b:
    mov eax, 0xbbbb
    ret
routine_end:
