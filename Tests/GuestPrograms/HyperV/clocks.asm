; The clocks: reference counter, reference TSC page, frequencies agree with each other (TLFS 12.7 and 12.8).
%include "long_mode.inc"

TSC_PAGE equ 0x320000

main:   write_msr HV_X64_MSR_GUEST_OS_ID, 0x8100000000000000
        read_msr HV_X64_MSR_TIME_REF
        mov r12, rax
        mov r13d, 1000                  ; monotonic
.next:  read_msr HV_X64_MSR_TIME_REF
        cmp rax, r12
        jae .later
        lea rsi, [text_backwards]
        call fail
.later: mov r12, rax
        dec r13d
        jnz .next

        write_msr HV_X64_MSR_REF_TSC, TSC_PAGE | 1
        mov eax, [TSC_PAGE]
        test eax, eax
        jnz .valid
        lea rsi, [text_sequence]
        call fail
.valid: mov r13d, 100                   ; ((tsc * scale) >> 64) + offset lies between two readings of the counter
.again: read_msr HV_X64_MSR_TIME_REF
        mov r12, rax
        rdtsc
        shl rdx, 32
        or rax, rdx
        mul qword [TSC_PAGE + 8]
        add rdx, [TSC_PAGE + 16]
        mov r14, rdx
        read_msr HV_X64_MSR_TIME_REF
        cmp r14, r12
        jb .wrong
        cmp r14, rax
        ja .wrong
        dec r13d
        jnz .again

        ; frequency MSR: TSC ticks over reference ticks
        read_msr 0x40000022
        mov r15, rax
        rdtsc
        shl rdx, 32
        or rax, rdx
        mov r12, rax
        read_msr HV_X64_MSR_TIME_REF
        mov r13, rax
.wait:  read_msr HV_X64_MSR_TIME_REF
        sub rax, r13
        cmp rax, 20000                  ; 2 ms
        jb .wait
        mov r14, rax
        rdtsc
        shl rdx, 32
        or rax, rdx
        sub rax, r12                    ; ticks in r14 * 100 ns
        mov rcx, 10000000
        mul rcx
        div r14                         ; measured frequency
        mov rbx, r15
        shr rbx, 3                      ; an eighth of tolerance: host scheduling falls between the readings
        sub rax, r15
        jns .positive
        neg rax
.positive:
        cmp rax, rbx
        jb .good
        mov rax, r15
        lea rsi, [text_frequency]
        call fail
.good:  write_msr HV_X64_MSR_REF_TSC, 0
        ret
.wrong: mov rax, r14
        lea rsi, [text_formula]
        call fail
text_backwards: db "the reference counter runs backwards", 0
text_sequence:  db "the reference TSC page is not valid", 0
text_formula:   db "the reference TSC page disagrees with the counter", 0
text_frequency: db "the TSC frequency MSR is wrong", 0
image_end:
