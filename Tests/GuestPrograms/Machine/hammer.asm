; COUNT processors write to memory for ever: single words at random places, aligned and over page ends, locked additions, runs of bytes.
%if COUNT > 1
%define HAVE_APS
%endif
%include "../HyperV/long_mode.inc"

HOT     equ 0x400000                    ; 4 MiB that everybody writes
COLD    equ 0x900000                    ; 8 MiB that are written once
COUNTER equ 0x300000

main:   mov edi, COLD
        mov ecx, 0x800000 / 8
.fill:  mov [rdi], rdi
        add rdi, 8
        dec ecx
        jnz .fill
%if COUNT > 1
        mov ecx, COUNT
        call start_others
%endif
        xor edi, edi
ap_main:
        mov r8, 6364136223846793005
        lea rbx, [rdi + 77]
.next:  imul rbx, r8
        add rbx, 1442695
        mov rax, rbx
        shr rax, 33
        and eax, 0x3FFFFF
        mov [HOT + rax], rbx
        lock inc qword [COUNTER]
        mov rax, rbx
        shr rax, 21
        and eax, 0x3FFFF8
        add [HOT + rax], rbx
        test ebx, 0x3F0000
        jnz .next
        mov r9, rdi
        lea rdi, [HOT + rax]
        mov eax, ebx
        mov ecx, 100
        rep stosb
        mov rdi, r9
        jmp .next
image_end:
