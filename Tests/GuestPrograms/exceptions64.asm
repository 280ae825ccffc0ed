; Exceptions in 64-bit mode: frames, alignment, IST, levels, non-canonical addresses, double fault.
%include "machine64.inc"

main:
    enter_long
    expect64 6, 0, "UD2", ud2
    ; The frame is aligned whatever the stack, and holds SS:RSP at the same level.
    begin_trap64 aligned
    sub rsp, 5
    ud2
aligned:
    check64 [last_sp], stack_top - 0x4000 - 5, "RSP pushed"
    check64 [last_ss], DATA64, "SS pushed"
    check64 [last_cs], CODE64, "CS pushed"
    check64 [last_frame], (stack_top - 0x4000 - 5) & ~15 - 48, "frame aligned"
    xor ecx, ecx
    xor edx, edx
    expect64 0, 0, "DIV", div rcx
    ; Instructions that 64-bit mode lacks.
    expect64 6, 0, "PUSH CS", db 0x0e
    expect64 6, 0, "INTO", db 0xce
    expect64 6, 0, "DAA", db 0x27
    expect64 6, 0, "far CALL", db 0x9a, 0, 0, 0, 0, 8, 0
    expect64 6, 0, "LDS", db 0xc5, 0x00
    expect64_strict 6, 0, "SYSENTER on AMD", sysenter
    expect64_strict 6, 0, "SYSEXIT on AMD", sysexit
    ; Non-canonical addresses: #GP, by the stack #SS.
    mov rax, 0x8000000000000000
    expect64 13, 0, "non-canonical load", mov cl, [rax]
    mov rax, 0x0000800000000000
    expect64 13, 0, "non-canonical store", mov [rax], cl
    mov rbp, 0x0000800000000000
    expect64_strict 12, 0, "non-canonical by RBP", mov cl, [rbp]
    mov rax, 0x00007ffffffffffe
    expect64_strict 13, 0, "across the canonical hole", mov ecx, [rax]
    mov rax, 0x0000800000000000
    expect64_strict 13, 0, "JMP non-canonical", jmp rax
    mov ecx, 0xc0000082
    mov edx, 0x8000
    xor eax, eax
    expect64_strict 13, 0, "LSTAR non-canonical", wrmsr
    mov ecx, 0xc0000100
    expect64_strict 13, 0, "FS base non-canonical", wrmsr
    ; Control registers.
    mov rax, cr4
    and rax, ~0x20
    expect64_strict 13, 0, "PAE off in long mode", mov cr4, rax
    mov ecx, 0xc0000080
    rdmsr
    and eax, ~0x100
    expect64_strict 13, 0, "LME off with paging", wrmsr
    mov rax, cr0
    btr rax, 31
    expect64_strict 13, 0, "paging off in 64-bit mode", mov cr0, rax
    mov rax, cr0
    bts rax, 32
    expect64_strict 13, 0, "CR0 upper half", mov cr0, rax
    mov rax, cr3
    bts rax, 50
    expect64_strict 13, 0, "CR3 above the physical width", mov cr3, rax
    mov eax, 16
    expect64_strict 13, 0, "CR8 beyond 15", mov cr8, rax
    mov eax, 5
    mov cr8, rax
    mov rcx, cr8
    check64 rcx, 5, "CR8"
    xor eax, eax
    mov cr8, rax
    ; Page faults: CR2 and the error code.
    mov rax, 0x123456789a
    expect64 14, 0, "page not present", mov cl, [rax]
    check64 [last_cr2], 0x123456789a, "CR2"
    expect64 14, 2, "page not present, store", mov [rax], cl
    begin_trap64 fetched
    jmp rax
fetched:
    check64 [last_vector64], 14, "fetch from a page not present: vector"
    check64 [last_error64], 0x10, "fetch from a page not present: error code"
    check64 [last_ip], 0x123456789a, "fetch from a page not present: address"
    check64 [last_cr2], 0x123456789a, "fetch from a page not present: CR2"
    ; IST: entry 6 on its own stack, with the same level.
    mov byte [idt64 + 6 * 16 + 4], 1
    expect64 6, 0, "UD2 on an IST stack", ud2
    check64 [last_frame], ist_stack_top - 48, "IST stack"
    check64 [last_sp], [saved_sp], "IST: RSP pushed"
    mov byte [idt64 + 6 * 16 + 4], 0
    ; IST through the task's limit: #TS with TR's selector, IST2 lies behind it.
    cmp dword [on_tcg], 0
    jne .no_limit
    and byte [gdt_tss + 5], ~2
    mov word [gdt_tss], 0x2b
    mov ax, TSS
    ltr ax
    mov byte [idt64 + 6 * 16 + 4], 2
    expect64 10, TSS | 1, "IST behind the TSS's limit", ud2
    mov byte [idt64 + 6 * 16 + 4], 0
    and byte [gdt_tss + 5], ~2
    mov word [gdt_tss], tss_limit - tss - 1
    ltr ax
.no_limit:
    ; Gates: absent, wrong type, code segment that is not 64-bit.
    and byte [idt64 + 40 * 16 + 5], 0x7f
    ; (TCG reports vector * 16 here.)
    expect64_strict 11, 40 * 8 + 2, "gate not present", int 40
    mov byte [idt64 + 40 * 16 + 5], 0xe6
    expect64_strict 13, 40 * 8 + 2, "16-bit gate in long mode", int 40
    mov byte [idt64 + 40 * 16 + 5], 0xee
    mov word [idt64 + 40 * 16 + 2], CODE32
    expect64 13, CODE32, "gate to 32-bit code", int 40
    mov word [idt64 + 40 * 16 + 2], 0
    expect64 13, 0, "gate to null", int 40
    mov word [idt64 + 40 * 16 + 2], CODE64
    expect64_strict 13, 60 * 8 + 2, "INT behind the IDT", int 60
    ; Page fault while delivering a page fault: double fault. The gate's handler is not the cause; its stack is.
    mov byte [idt64 + 8 * 16 + 4], 1
    begin_trap64 doubled
    mov rsp, 0x123456789a
    mov cl, [rsp + 16]
doubled:
    check64 [last_vector64], 8, "stack not present: double fault"
    check64 [last_error64], 0, "double fault: error code"
    check64 [last_frame], ist_stack_top - 48, "double fault: IST stack"
    check64 [last_sp], 0x123456789a, "double fault: RSP"
    check64 [last_cr2], 0x1234567890 - 8, "double fault: CR2 of the second page fault"
    ; A non-canonical stack.
    begin_trap64 stacked
    mov rsp, 0x0000800000001000
    push rax
stacked:
    ; #SS itself cannot be delivered there.
    check64 [last_vector64], 8, "non-canonical stack: double fault"
    mov byte [idt64 + 8 * 16 + 4], 0
    ; Level 3 and back.
    begin_trap64 outer
    push qword USER_DATA
    push qword user_stack_top
    push qword 0x202
    push qword USER_CODE64
    mov rax, .user
    push rax
    iretq
.user:
    cli
outer:
    check64 [last_vector64], 13, "CLI at level 3: vector"
    check64 [last_cs], USER_CODE64, "level 3: CS"
    check64 [last_ss], USER_DATA, "level 3: SS"
    check64 [last_sp], user_stack_top, "level 3: RSP"
    check64 [last_frame], inner_stack_top - 48, "RSP0"
    ; IRETQ checks.
    begin_trap64 iret1
    push qword 0
    push rsp
    push qword 2
    push qword CODE64
    push qword .anywhere
.anywhere:
    mov rax, 0x0000800000000000
    mov [rsp], rax
    iretq
iret1:
    check64 [last_vector64], 13, "IRETQ to a non-canonical address"
    begin_trap64 iret2
    push qword 0
    push rsp
    push qword 2
    push qword USER_CODE64
    push qword .anywhere
.anywhere:
    iretq
iret2:
    check64 [last_vector64], 13, "IRETQ to level 3 with a null SS"
    check64 [last_error64], 0, "IRETQ to level 3 with a null SS: error code"
    begin_trap64 iret3
    mov rdx, rsp
    push qword 0
    push rdx
    push qword 2
    push qword CODE64
    mov rax, .anywhere
    push rax
    iretq
.anywhere:
    mov r8, rsp
    check64 r8, [saved_sp], "IRETQ with a null SS at level 0"
    mov ax, ss
    movzx eax, ax
    check64 rax, 0, "SS is null"
    mov ax, DATA64
    mov ss, ax
iret3:
    pushfq
    or qword [rsp], 0x4000
    popfq
    begin_trap64 iret4
    iretq
iret4:
    check64 [last_vector64], 13, "IRET with NT in long mode"
    ; Segment registers: null with base, FS and GS bases.
    mov ecx, 0xc0000100
    mov eax, SCRATCH
    xor edx, edx
    wrmsr
    mov dword [SCRATCH + 8], 0x600df00d
    mov eax, [fs:8]
    check64 rax, 0x600df00d, "FS base"
    mov ecx, 0xc0000101
    mov eax, SCRATCH + 4
    wrmsr
    mov ecx, 0xc0000102
    mov eax, SCRATCH + 8
    wrmsr
    swapgs
    mov eax, [gs:0]
    check64 rax, 0x600df00d, "SWAPGS"
    swapgs
    mov eax, [gs:4]
    check64 rax, 0x600df00d, "GS base"
    jmp finish64
