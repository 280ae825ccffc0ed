; Levels in long mode: SYSCALL and SYSRET from 64-bit and compatibility code, call gates, IRETQ to every kind of code.
%include "machine64.inc"

%macro user64 2                         ; label, code selector
    begin_trap64 %%after
    push qword USER_DATA
    push qword user_stack_top
    push qword 2
    push qword %2
    mov eax, %1
    push rax
    iretq
%%after:
%endmacro

main:
    enter_long
    mov ecx, 0xc0000081
    xor eax, eax
    mov edx, (CODE64) | ((USER_CODE32) << 16)
    wrmsr
    mov ecx, 0xc0000082
    mov eax, long_entry
    xor edx, edx
    wrmsr
    mov ecx, 0xc0000083
    mov eax, compat_entry
    wrmsr
    mov ecx, 0xc0000084
    mov eax, 0x600                      ; IF, DF
    wrmsr
    expect64 6, 0, "SYSCALL without SCE", syscall
    expect64 6, 0, "SYSRET without SCE", db 0x48, 0x0f, 0x07
    mov ecx, 0xc0000080
    rdmsr
    or eax, 1
    wrmsr

    ; SYSCALL from 64-bit code, SYSRETQ back.
    user64 u_syscall, USER_CODE64
    check64 [last_vector64], 33, "SYSCALL: came back"
    check64 [entered_cs], CODE64, "SYSCALL: CS"
    check64 [entered_ss], CODE64 + 8, "SYSCALL: SS"
    check64 [entered_rcx], u_syscall_end, "SYSCALL: RCX"
    mov rax, [entered_r11]
    and eax, 0x400
    check64 rax, 0x400, "SYSCALL: R11 holds DF"
    mov rax, [entered_flags]
    and eax, 0x600
    check64 rax, 0, "SYSCALL: SFMASK"
    check64 [entered_sp], user_stack_top, "SYSCALL: RSP is the caller's"
    check64 [last_cs], USER_CODE64, "SYSRETQ: CS"
    check64 [last_ss], USER_DATA, "SYSRETQ: SS"
    mov rax, [last_flags]
    and eax, 0x400
    check64 rax, 0x400, "SYSRETQ: flags from R11"
    ; SYSCALL from compatibility mode uses CSTAR; SYSRET to 32-bit code.
    user64 u_syscall32, USER_CODE32
    check64 [last_vector64], 33, "SYSCALL32: came back"
    check64 [entered_rcx], u_syscall32_end, "SYSCALL32: RCX"
    check64 [entered_cs], CODE64, "SYSCALL32: CS"
    check64 [compat_entered], 1, "SYSCALL32: CSTAR"
    check64 [last_cs], USER_CODE32, "SYSRETL: CS"
    check64 [last_ip], u_syscall32_after, "SYSRETL: RIP"
    ; SYSRET at level 3.
    user64 u_sysret, USER_CODE64
    check64 [last_vector64], 13, "SYSRET at level 3"
    ; SWAPGS at level 3 and in compatibility mode.
    user64 u_swapgs, USER_CODE64
    check64 [last_vector64], 13, "SWAPGS at level 3"
    user64 u_swapgs, USER_CODE32
    check64 [last_vector64], 6, "SWAPGS in compatibility mode"
    ; Compatibility code: 32-bit registers, segment limits count, addresses wrap.
    user64 u_compat, USER_CODE32
    check64 [last_vector64], 33, "compatibility mode"
    check64 [saved_rax], 0x7fffffff, "compatibility mode: carry at bit 31"
    check64 [last_frame], inner_stack_top - 48, "interrupt from compatibility mode: RSP0"

    ; A 64-bit call gate from level 3: RSP0, SS null, 64-bit frame.
    mov eax, gate_entry
    mov [gdt_gate], ax
    mov word [gdt_gate + 2], CODE64
    mov word [gdt_gate + 4], 0xec00
    shr eax, 16
    mov [gdt_gate + 6], ax
    mov qword [gdt_gate + 8], 0
    user64 u_gate, USER_CODE64
    check64 [last_vector64], 33, "call gate: came back"
    check64 [entered_cs], CODE64, "call gate: CS"
    check64 [entered_ss], 0, "call gate: SS null"
    check64 [entered_sp], inner_stack_top - 32, "call gate: RSP"
    check64 [gate_frame], u_gate_end, "call gate: RIP"
    check64 [gate_frame + 8], USER_CODE64, "call gate: pushed CS"
    check64 [gate_frame + 16], user_stack_top, "call gate: pushed RSP"
    check64 [gate_frame + 24], USER_DATA, "call gate: pushed SS"
    check64 [last_sp], user_stack_top, "RETFQ: RSP"
    ; To 32-bit code, and with something in the type field above: #GP.
    mov word [gdt_gate + 2], CODE32
    user64 u_gate, USER_CODE64
    check64 [last_vector64], 13, "call gate to 32-bit code: vector"
    check64 [last_error64], CODE32, "call gate to 32-bit code: error code"
    mov word [gdt_gate + 2], CODE64
    mov dword [gdt_gate + 12], 0x1f00
    user64 u_gate, USER_CODE64
    check64 [last_vector64], 13, "call gate's upper type: vector"
    check64 [last_error64], CALL_GATE, "call gate's upper type: error code"
    mov dword [gdt_gate + 12], 0
    and byte [gdt_gate + 5], 0x7f
    user64 u_gate, USER_CODE64
    check64 [last_vector64], 11, "call gate not present: vector"
    check64 [last_error64], CALL_GATE, "call gate not present: error code"

    ; RDTSCP, where the processor has it.
    mov eax, 0x80000001
    cpuid
    bt edx, 27
    jnc .no_rdtscp
    mov ecx, 0xc0000103
    mov eax, 0x1234
    xor edx, edx
    wrmsr
    rdtscp
    check64 rcx, 0x1234, "RDTSCP: TSC_AUX"
.no_rdtscp:
    jmp finish64

long_entry:
    mov [entered_rcx], rcx
    mov [entered_r11], r11
    mov [entered_sp], rsp
    mov rsp, inner_stack_top
    pushfq
    pop qword [entered_flags]
    mov eax, cs
    mov [entered_cs], eax
    mov eax, ss
    mov [entered_ss], eax
    mov rsp, [entered_sp]
    db 0x48
    sysret
compat_entry:
    mov [entered_rcx], rcx
    mov eax, cs
    mov [entered_cs], eax
    mov dword [compat_entered], 1
    sysret
gate_entry:
    mov [entered_sp], rsp
    mov eax, cs
    mov [entered_cs], eax
    mov eax, ss
    mov [entered_ss], eax
    mov rax, [rsp]
    mov [gate_frame], rax
    mov rax, [rsp + 8]
    mov [gate_frame + 8], rax
    mov rax, [rsp + 16]
    mov [gate_frame + 16], rax
    mov rax, [rsp + 24]
    mov [gate_frame + 24], rax
    db 0x48
    retf
entered_rcx: dq 0
entered_r11: dq 0
entered_sp: dq 0
entered_flags: dq 0
entered_cs: dq 0
entered_ss: dq 0
compat_entered: dq 0
gate_frame: dq 0, 0, 0, 0
far_gate: dd 0, CALL_GATE | 3

u_syscall:
    std
    syscall
u_syscall_end:
    int 33
u_sysret:
    db 0x48
    sysret
u_swapgs: db 0x0f, 0x01, 0xf8
u_gate:
    call far dword [far_gate]
u_gate_end:
    int 33
bits 32
u_syscall32:
    syscall
u_syscall32_end:
    int 33
u_syscall32_after:
u_compat:
    mov eax, -1
    add eax, eax
    shr eax, 1
    int 33
