; Every switch of mode and back: protected 32 → protected 16 → real → protected → compatibility → 64-bit → compatibility → protected → real.
%include "machine64.inc"

; Where a label of the 16-bit code is after it was copied to low memory.
%define REAL(label) (LOW_CODE + (label) - real_begin)

main:
    mov dword [rounds], 2
.round:
    call to_real_and_back
    check [real_result], 0x1234, "real mode ran"
    check [real_interrupts], 3, "real mode: interrupts"
    check [real_flags], 0x200, "real mode: IF pushed and cleared"
    check [real_unreal], MULTIBOOT_MAGIC, "limit of 4 GiB kept in real mode"
    check [real_segment], 0x5678, "segment arithmetic"
    check [real_cs], 0, "CS in real mode"
    check [real_wrap], 0xabcd, "16-bit stack pointer keeps the upper half"
    mov eax, cr0
    and eax, 0x80000001
    check eax, 1, "back in protected mode"

    call long_round
    check [long_result], 0x89abcdef, "64-bit code ran"
    check [long_result + 4], 0x01234567, "64-bit code ran: upper half"
    check [compat_result], 0xffffffff, "compatibility mode ran"
    check [long_efer], 0xd00, "EFER with LMA"
    mov ecx, 0xc0000080
    rdmsr
    and eax, 0x500
    check eax, 0, "EFER.LMA is gone"
    dec dword [rounds]
    jnz .round
    jmp finish
rounds: dd 0

; Real mode and back, by a copy of the 16-bit code in low memory.
to_real_and_back:
    pushad
    mov [real_esp], esp
    mov esi, real_begin
    mov edi, LOW_CODE
    mov ecx, real_end - real_begin
    cld
    rep movsb
    mov dword [LOW_STACK - 4], 0
    ; Vector 0, 32 and 33 of the real-mode table.
    mov dword [0], REAL(real_handler)
    mov dword [32 * 4], REAL(real_handler)
    mov ax, DATA32
    mov fs, ax
    jmp CODE16:REAL(protected16)
back:
    mov ax, DATA32
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov esp, [real_esp]
    lidt [idt_pointer]
    mov eax, [REAL(r_result)]
    mov [real_result], eax
    mov eax, [REAL(r_interrupts)]
    mov [real_interrupts], eax
    movzx eax, word [REAL(r_flags)]
    and eax, 0x200
    mov [real_flags], eax
    mov eax, [REAL(r_unreal)]
    mov [real_unreal], eax
    mov eax, [REAL(r_segment)]
    mov [real_segment], eax
    movzx eax, word [REAL(r_cs)]
    mov [real_cs], eax
    mov eax, [REAL(r_wrap)]
    mov [real_wrap], eax
    popad
    ret
real_esp: dd 0
real_result: dd 0
real_interrupts: dd 0
real_flags: dd 0
real_unreal: dd 0
real_segment: dd 0
real_cs: dd 0
real_wrap: dd 0

real_begin:
bits 16
protected16:
    mov ax, DATA16
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov esp, 0xabcd0000 + LOW_STACK
    mov word [REAL(r_result)], 0
    mov eax, cr0
    and al, ~1
    mov cr0, eax
    jmp 0:REAL(real)
real:
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    lidt [cs:REAL(r_idt)]
    mov dword [REAL(r_interrupts)], 0
    sti
    int 32
    mov cx, 0
    div cx                              ; the handler steps over it
    mov ax, 0x6789                      ; AX in use by the handler is kept
    int 32
    cli
    mov ax, cs
    mov [REAL(r_cs)], ax
    mov eax, [fs:dword multiboot]
    mov [REAL(r_unreal)], eax
    mov word [0x9000], 0x5678
    mov ax, 0x8ff
    mov es, ax
    movzx eax, word [es:0x10]
    mov [REAL(r_segment)], eax
    mov eax, esp
    shr eax, 16
    mov [REAL(r_wrap)], eax
    call 0:REAL(real_far)
    ; Back by LMSW.
    lgdt [REAL(r_gdt)]
    mov ax, 1
    lmsw ax
    jmp dword CODE32:back
real_far:
    mov dword [REAL(r_result)], 0x1234
    retf
real_handler:
    push bp
    mov bp, sp
    push ax
    inc dword [cs:REAL(r_interrupts)]
    mov ax, [bp + 6]
    mov [cs:REAL(r_flags)], ax
    pushf
    pop ax
    test ax, 0x200
    jz .clear
    mov dword [cs:REAL(r_interrupts)], 100
.clear:
    mov ax, [bp + 2]
    mov bx, [bp + 2]
    cmp word [cs:bx], 0xf1f7            ; DIV CX faults: step over it
    jne .done
    add word [bp + 2], 2
.done:
    pop ax
    pop bp
    iret
align 4
r_gdt:
    dw BEYOND - 1
    dd gdt
r_idt:
    dw 0x3ff
    dd 0
r_result: dd 0
r_interrupts: dd 0
r_flags: dd 0
r_unreal: dd 0
r_segment: dd 0
r_cs: dd 0
r_wrap: dd 0
bits 32
real_end:

long_round:
    mov [long_esp], esp
    enter_long
    mov rax, 0x0123456789abcdef
    mov r15, rax
    mov [long_result], r15
    mov ecx, 0xc0000080
    rdmsr
    mov [long_efer], eax
    ; To compatibility mode by an indirect far jump; there a carry is lost at bit 31.
    mov dword [far_pointer], .compatible
    mov dword [far_pointer + 4], CODE32
    jmp far dword [far_pointer]
bits 32
.compatible:
    mov eax, -1
    add eax, eax
    rcr eax, 1
    mov [compat_result], eax
    ; And through 64-bit mode once more, by RETF.
    push dword CODE64
    push dword .again
    retf
bits 64
.again:
    push qword CODE32
    mov eax, .leave
    push rax
    retfq
bits 32
.leave:
    mov ax, DATA32
    mov ss, ax
    mov ds, ax
    mov es, ax
    mov eax, cr0
    and eax, 0x7fffffff
    mov cr0, eax
    mov ecx, 0xc0000080
    rdmsr
    and eax, ~0x900
    wrmsr
    mov eax, cr4
    and eax, ~0x20
    mov cr4, eax
    lidt [idt_pointer]
    and byte [gdt_tss + 5], ~2
    mov ax, TSS
    ltr ax
    mov esp, [long_esp]
    ret
long_esp: dd 0
long_result: dq 0
long_efer: dd 0
compat_result: dd 0
far_pointer: dd 0, 0
