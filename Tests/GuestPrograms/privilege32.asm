; Levels in 32-bit protected mode: IRET outward, interrupts and call gates inward, port permission, virtual-8086 mode, SYSENTER.
%include "machine32.inc"

; user_faults label, vector, error, "what": the first instruction of `label` faults so at level 3.
%macro user_faults 4
    user %1
    check [last_vector], %2, {%4, ": vector"}
    check [last_error], %3, {%4, ": error code"}
    check [last_ip], %1, {%4, ": address"}
%endmacro

main:
    ; Inward by a gate: the frame and the stack.
    user u_int
    check [last_vector], 33, "INT at level 3: vector"
    check [last_ip], u_int_end, "INT at level 3: address"
    check [last_cs], USER_CODE32, "INT at level 3: CS"
    check [last_ss], USER_DATA, "INT at level 3: SS"
    check [last_sp], user_stack_top - 4, "INT at level 3: ESP"
    check [last_frame], inner_stack_top - 24, "INT at level 3: inner stack"
    user_faults u_int14, 13, 14 * 8 + 2, "INT through a gate of level 0"
    user_faults u_hlt, 13, 0, "HLT at level 3"
    user_faults u_cli, 13, 0, "CLI at level 3"
    user_faults u_sti, 13, 0, "STI at level 3"
    user_faults u_cr0, 13, 0, "MOV CR0 at level 3"
    user_faults u_dr7, 13, 0, "MOV DR7 at level 3"
    user_faults u_lgdt, 13, 0, "LGDT at level 3"
    user_faults u_clts, 13, 0, "CLTS at level 3"
    user_faults u_rdmsr, 13, 0, "RDMSR at level 3"
    user_faults u_invlpg, 13, 0, "INVLPG at level 3"
    user_faults u_wbinvd, 13, 0, "WBINVD at level 3"
    user_faults u_lmsw, 13, 0, "LMSW at level 3"
    user_faults u_ud, 6, 0, "UD2 at level 3"
    user_faults u_jump, 13, CODE32, "JMP to level 0"
    user u_cli, 3
    check [last_vector], 33, "CLI with IOPL 3"
    user u_ds
    check [last_vector], 13, "inner data segment: vector"
    check [last_error], DATA32, "inner data segment: error code"
    ; RDTSC follows CR4.TSD.
    user u_rdtsc
    check [last_vector], 33, "RDTSC at level 3"
    mov eax, cr4
    or eax, 4
    mov cr4, eax
    user_faults u_rdtsc, 13, 0, "RDTSC with TSD"
    mov eax, cr4
    and eax, ~4
    mov cr4, eax
    ; A segment of level 0 does not survive IRET outward.
    mov ax, DATA32
    mov fs, ax
    user u_fs
    check [saved_eax], 0, "FS dropped by IRET"
    ; POPF changes neither IF nor IOPL at level 3.
    user u_popf
    mov eax, [saved_eax]
    and eax, 0x3200
    check eax, 0, "POPF at level 3"
    ; SMSW, SGDT, STR work at level 3.
    user u_smsw
    check [last_vector], 33, "SMSW at level 3"

    ; Ports: the bitmap, IOPL.
    user u_in
    check [last_vector], 33, "port allowed by the bitmap"
    or byte [bitmap + 0x80 / 8], 1
    user_faults u_in, 13, 0, "port refused by the bitmap"
    user u_in, 3
    check [last_vector], 33, "port with IOPL 3"
    and byte [bitmap + 0x80 / 8], ~1
    or byte [bitmap + 0x88 / 8], 1
    user_faults u_in32, 13, 0, "32-bit port refused by its last byte"
    user u_in_last
    check [last_vector], 33, "last port of the bitmap"
    mov word [tss + 0x66], tss_limit - tss
    user_faults u_in, 13, 0, "port behind the TSS's limit"
    mov word [tss + 0x66], bitmap - tss

    ; A call gate to level 0 with two parameters, and RETF 8 back.
    mov eax, gate_entry
    mov [gdt_gate], ax
    mov word [gdt_gate + 2], CODE32
    mov word [gdt_gate + 4], 0xec02
    shr eax, 16
    mov [gdt_gate + 6], ax
    user u_gate
    check [last_vector], 33, "call gate: vector"
    check [gate_first], 0x11111111, "call gate: first parameter"
    check [gate_second], 0x22222222, "call gate: second parameter"
    check [gate_cs], CODE32, "call gate: CS"
    check [gate_outer_cs], USER_CODE32, "call gate: pushed CS"
    check [gate_outer_sp], user_stack_top - 8, "call gate: pushed ESP"
    check [gate_sp], inner_stack_top - 24, "call gate: inner stack"
    check [saved_eax], user_stack_top, "RETF 8: ESP"
    mov byte [gdt_gate + 5], 0x8c
    user_faults u_call_gate, 13, CALL_GATE, "call gate of level 0"
    mov byte [gdt_gate + 5], 0xec
    ; A 16-bit gate at the same level.
    mov eax, gate16_entry - multiboot + 0x100000
    mov word [gdt_gate16], LOW_CODE
    mov word [gdt_gate16 + 2], CODE32
    mov word [gdt_gate16 + 4], 0x8400
    mov word [gdt_gate16 + 6], 0
    mov esi, gate16_entry
    mov edi, LOW_CODE
    mov ecx, gate16_end - gate16_entry
    rep movsb
    mov dword [gate_sp], 0
    mov edx, esp
    push word CODE32
    push word LOW_CODE + gate16_back - gate16_entry
    db 0x66
    retf                                ; a 16-bit return, to code in low memory
gate16_after:
    check [gate_sp], edx, "16-bit call gate: frame of 4 bytes"

    ; A level-1 code segment: its stack in the TSS is wrong in each way.
    mov dword [gdt + OTHER_TSS], 0x0000ffff
    mov dword [gdt + OTHER_TSS + 4], 0x00cfba00
    mov word [gdt_gate + 2], OTHER_TSS
    mov dword [tss + 12], inner_stack_top
    mov dword [tss + 16], 0
    user_faults u_call_gate, 10, 0, "inner SS null"
    mov dword [tss + 16], DATA32 | 1
    user_faults u_call_gate, 10, DATA32, "inner SS of another level"
    mov dword [tss + 16], BEYOND | 1
    user_faults u_call_gate, 10, BEYOND, "inner SS behind the GDT"
    mov dword [tss + 16], DATA32
    user_faults u_call_gate, 10, DATA32, "inner SS with another RPL"
    mov word [gdt_gate + 2], BEYOND
    user_faults u_call_gate, 13, BEYOND, "call gate to a selector behind the GDT"
    mov word [gdt_gate + 2], CODE32

    ; Conforming code keeps the level.
    mov eax, conforming_entry
    user u_conforming
    check [saved_eax], CONFORMING | 3, "conforming code"
    check [last_vector], 33, "conforming code returns"

    ; Alignment check: AM and AC at level 3.
    cmp dword [on_tcg], 0
    jne .no_alignment
    mov eax, cr0
    or eax, 0x40000
    mov cr0, eax
    user u_align
    check [last_vector], 17, "alignment check: vector"
    check [last_error], 0, "alignment check: error code"
    check [last_ip], u_align_fault, "alignment check: address"
    mov eax, cr0
    and eax, ~0x40000
    mov cr0, eax
.no_alignment:

    ; SYSENTER and SYSEXIT.
    mov ecx, 0x174
    mov eax, SYSENTER_BASE
    xor edx, edx
    wrmsr
    mov ecx, 0x175
    mov eax, inner_stack_top
    wrmsr
    mov ecx, 0x176
    mov eax, sysenter_entry
    wrmsr
    user u_sysenter
    check [last_vector], 33, "SYSEXIT: vector"
    check [last_cs], (SYSENTER_BASE + 0x10) | 3, "SYSEXIT: CS"
    check [last_ss], (SYSENTER_BASE + 0x18) | 3, "SYSEXIT: SS"
    check [last_sp], user_stack_top - 16, "SYSEXIT: ESP"
    check [gate_cs], SYSENTER_BASE, "SYSENTER: CS"
    check [gate_sp], inner_stack_top, "SYSENTER: ESP"
    mov ecx, 0x174
    xor eax, eax
    xor edx, edx
    wrmsr
    user_faults u_sysenter_only, 13, 0, "SYSENTER without a selector"

    ; Virtual-8086 mode.
    mov esi, v86_code
    mov edi, LOW_CODE
    mov ecx, v86_end - v86_code
    rep movsb
%macro v86 2                            ; entry, IOPL
    begin_trap %%after
    push dword 0x6666                   ; GS FS DS ES SS
    push dword 0x5555
    push dword 0x4444
    push dword 0x3333
    push dword 0x700
    push dword 0xc00
    push dword 0x20002 | (%2 << 12)
    push dword LOW_CODE >> 4
    push dword %1 - v86_code
    iret
%%after:
%endmacro
    v86 v_int, 3
    check [last_vector], 33, "VM86, INT: vector"
    check [last_cs], LOW_CODE >> 4, "VM86, INT: CS"
    check [last_ss], 0x700, "VM86, INT: SS"
    check [last_sp], 0xc00, "VM86, INT: SP"
    mov eax, [last_flags]
    and eax, 0x23000
    check eax, 0x23000, "VM86, INT: flags"
    mov eax, [last_frame]
    check [eax + 24], 0x3333, "VM86, INT: ES"
    check [eax + 28], 0x4444, "VM86, INT: DS"
    check [eax + 32], 0x5555, "VM86, INT: FS"
    check [eax + 36], 0x6666, "VM86, INT: GS"
    mov ax, gs
    movzx eax, ax
    check eax, 0, "VM86, INT: GS null in the handler"
    check [LOW_CODE + v_result - v86_code], 0x33330700, "VM86: segments"
    v86 v_int, 0
    check [last_vector], 13, "VM86, INT with IOPL 0: vector"
    check [last_error], 0, "VM86, INT with IOPL 0: error code"
    v86 v_cli, 0
    check [last_vector], 13, "VM86, CLI with IOPL 0"
    v86 v_pushf, 0
    check [last_vector], 13, "VM86, PUSHF with IOPL 0"
    v86 v_pushf, 3
    mov eax, [saved_eax]
    and eax, 0x3000
    check eax, 0x3000, "VM86, PUSHF with IOPL 3"
    v86 v_hlt, 3
    check [last_vector], 13, "VM86, HLT"
    v86 v_lldt, 3
    check [last_vector], 6, "VM86, LLDT"
    v86 v_in, 3
    check [last_vector], 33, "VM86, port allowed by the bitmap"
    or byte [bitmap + 0x80 / 8], 1
    v86 v_in, 3
    check [last_vector], 13, "VM86, port refused also with IOPL 3"
    v86 v_far, 3
    check [last_vector], 33, "VM86, far call and IRET"
    check [saved_eax], 0x00001234, "VM86, far call and IRET: result"
    v86 v_int3, 0
    check [last_vector], 3, "VM86, INT3 with IOPL 0"
    jmp finish

; Level 0 through the gate: two parameters.
gate_entry:
    mov [ss:gate_sp], esp
    mov eax, [esp + 8]
    mov [ss:gate_second], eax
    mov eax, [esp + 12]
    mov [ss:gate_first], eax
    mov eax, [esp + 4]
    mov [ss:gate_outer_cs], eax
    mov eax, [esp + 16]
    mov [ss:gate_outer_sp], eax
    mov eax, cs
    mov [ss:gate_cs], eax
    retf 8
gate_first: dd 0
gate_second: dd 0
gate_cs: dd 0
gate_outer_cs: dd 0
gate_outer_sp: dd 0
gate_sp: dd 0

; Copied to low memory: a 16-bit gate has 16-bit offsets.
gate16_entry:
    add esp, 4                          ; IP and CS, two bytes each
    mov [gate_sp], esp
    sub esp, 4
    db 0x66
    retf
gate16_back:
    call CALL_GATE16:0
    mov eax, gate16_after
    jmp eax
gate16_end:

sysenter_entry:
    mov eax, cs
    mov [ss:gate_cs], eax
    mov [ss:gate_sp], esp
    mov edx, u_after_sysexit
    mov ecx, user_stack_top - 16
    sysexit
u_after_sysexit:
    int 33

conforming_entry:
    mov ax, cs
    movzx eax, ax
    retf

u_int:
    push eax
    int 33
u_int_end:
u_int14: int 14
u_hlt: hlt
u_cli:
    cli
    int 33
u_sti: sti
u_cr0: mov eax, cr0
u_dr7: mov eax, dr7
u_lgdt: lgdt [gdt_pointer]
u_clts: clts
u_rdmsr: rdmsr
u_invlpg: invlpg [0]
u_wbinvd: wbinvd
u_lmsw: lmsw ax
u_ud: ud2
u_jump: jmp CODE32:0
u_ds:
    mov ax, DATA32
    mov ds, ax
u_rdtsc:
    rdtsc
    int 33
u_fs:
    mov ax, fs
    movzx eax, ax
    int 33
u_popf:
    pushfd
    or dword [esp], 0x3200
    popfd
    pushfd
    pop eax
    int 33
u_smsw:
    smsw eax
    sgdt [esp - 16]
    str ax
    int 33
u_in:
    in al, 0x80
    int 33
u_in32: in eax, 0x85
u_in_last:
    mov dx, 0xffff
    in al, dx
    int 33
u_gate:
    push dword 0x11111111
    push dword 0x22222222
    call CALL_GATE | 3:0
    mov eax, esp
    int 33
u_call_gate: call CALL_GATE | 3:0
u_conforming:
    call CONFORMING:conforming_entry
    int 33
u_align:
    pushfd
    or dword [esp], 0x40000
    popfd
u_align_fault:
    mov eax, [esp - 7]
    int 33
u_sysenter: sysenter
u_sysenter_only: sysenter

bits 16
v86_code:
v_int:
    mov ax, es
    mov [cs:v_result - v86_code + 2], ax
    mov ax, ss
    mov [cs:v_result - v86_code], ax
    int 33
v_cli: cli
v_pushf:
    pushf
    pop ax
    int 33
v_hlt: hlt
v_lldt: lldt ax
v_in:
    in al, 0x80
    int 33
v_int3: int3
v_far:
    xor eax, eax
    pushf
    call (LOW_CODE >> 4):(v_routine - v86_code)
    int 33
v_routine:
    mov ax, 0x1234
    iret
align 4
v_result: dd 0
v86_end:
