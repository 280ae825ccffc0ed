; Rubbish to every port, to MSRs, to hypercalls, to memory that is not there: the machine stands.
%include "long_mode.inc"

PAGE_AT equ 0x300000
INPUT   equ 0x301000

main:   mov ebp, 0x12345678
        xor r12d, r12d                  ; every port but the two of this program, the reset and sleep registers, and the hypercall port
.port:  mov edx, r12d
        call is_spared
        je .next_port
        call random
        out dx, al
        out dx, ax
        out dx, eax
        in al, dx
        in ax, dx
        in eax, dx
.next_port:
        inc r12d
        cmp r12d, 0x10000
        jb .port

        mov r13d, 20000                 ; MSRs of all ranges, but those that end or redirect this very program
.msr:   call random
        mov ecx, eax
        and ecx, 0xC00003FF
        cmp ecx, 0x1B
        je .next_msr
        cmp ecx, 0x40000003             ; reset
        je .next_msr
        cmp ecx, 0x400000F0             ; guest idle: nothing would wake this program
        je .next_msr
        cmp ecx, 0xC0000080
        je .next_msr
        and ecx, 0xC000F3FF
        call random
        mov edx, eax
        call random
        push rcx
        quietly wrmsr
        pop rcx
        quietly rdmsr
.next_msr:
        dec r13d
        jnz .msr
        ; what that may have switched on is switched off again
        write_msr HV_X64_MSR_GUEST_OS_ID, 0
        quietly call disable_overlays

        write_msr HV_X64_MSR_GUEST_OS_ID, 0x8100000000000000
        write_msr HV_X64_MSR_HYPERCALL, PAGE_AT | 1
        mov r13d, 20000
.call:  call random
        mov rcx, rax
        call random
        shl rax, 32
        or rcx, rax
        mov rbx, 0x0FFF0FFF0001007F
        and rcx, rbx
        call random
        mov rdx, rax
        call random
        mov r8, rax
        and rdx, ~7
        and r8, ~7
        mov rax, PAGE_AT
        call rax
        dec r13d
        jnz .call

        mov rbx, 0xD0000000             ; memory that is not there
        mov r13d, 4096
.hole:  mov rax, [rbx]
        mov [rbx], rax
        add rbx, 0x1000
        dec r13d
        jnz .hole
        ret

disable_overlays:
        pop r15
        write_msr HV_X64_MSR_SIMP, 0
        write_msr HV_X64_MSR_SIEFP, 0
        write_msr HV_X64_MSR_REF_TSC, 0
        write_msr 0x40000073, 0
        push r15
        ret

; ZF set when port EDX is spared
is_spared:
        mov rsi, spared
.next:  lodsw
        cmp ax, dx
        je .yes
        cmp ax, 0xFFFF
        jne .next
        test rsp, rsp                   ; not zero
.yes:   ret

random: imul ebp, ebp, 1664525
        add ebp, 1013904223
        mov eax, ebp
        rol eax, 13
        xor eax, ebp
        ret
spared: dw 0xE9, 0xE8, 0xE7, 0xE6, 0xF4, 0xF3, 0xF2, 0xF1
%include "spared_ports.inc"
        dw 0xFFFF
image_end:
