; The synthetic interrupt controller and the synthetic timers: message and direct mode, a busy slot, end of message
; (TLFS chapters 11 and 12).
%include "long_mode.inc"

SIMP_AT equ 0x310000
VECTOR  equ 0x41
DIRECT  equ 0x52

main:   write_msr HV_X64_MSR_GUEST_OS_ID, 0x8100000000000000
        call enable_x2apic
        mov dword [end_of_interrupt_msr], HV_X64_MSR_EOI
        mov rdi, SIMP_AT                ; what lies below the overlay
        mov rax, 0x5555555555555555
        mov ecx, 512
        rep stosq
        write_msr HV_X64_MSR_SIMP, SIMP_AT | 1
        mov rax, [SIMP_AT]
        check rax, 0, "a fresh message page is not empty"
        write_msr HV_X64_MSR_SINT0 + 3, VECTOR
        write_msr HV_X64_MSR_SCONTROL, 1

        ; timer 0, one-shot, message to SINT 3, in 1 ms
        call now
        mov r15, rax
        add rax, 10000
        mov r14, rax
        write_msr HV_X64_MSR_STIMER0 + 1, r14
        write_msr HV_X64_MSR_STIMER0, 1 | (3 << 16)
        sti
.first: cmp dword [interrupts + VECTOR * 4], 1
        jb .first
        cli
        call now
        cmp rax, r14
        jae .in_time
        lea rsi, [text_early]
        call fail
.in_time:
        mov eax, [SIMP_AT + 3 * 256]
        check rax, 0x80000010, "the message is not HvMessageTypeTimerExpired"
        movzx eax, byte [SIMP_AT + 3 * 256 + 4]
        check rax, 24, "the timer message's payload is not 24 bytes"
        mov eax, [SIMP_AT + 3 * 256 + 16]
        check rax, 0, "the timer message names another timer"
        mov rax, [SIMP_AT + 3 * 256 + 24]
        check rax, r14, "the timer message's expiration time is another one"
        read_msr HV_X64_MSR_STIMER0
        and eax, 1
        check rax, 0, "an expired one-shot timer stays enabled"

        ; the slot is busy: the second message waits, MessagePending is set, EOM brings it
        call now
        mov r14, rax
        write_msr HV_X64_MSR_STIMER0 + 3, r14
        write_msr HV_X64_MSR_STIMER0 + 2, 1 | (3 << 16)
        sti
        mov ecx, 1000000
.busy:  test byte [SIMP_AT + 3 * 256 + 5], 1
        jnz .pending
        loop .busy
        lea rsi, [text_not_pending]
        call fail
.pending:
        cli
        mov eax, [SIMP_AT + 3 * 256 + 16]
        check rax, 0, "a busy slot was overwritten"
        mov dword [SIMP_AT + 3 * 256], 0
        write_msr HV_X64_MSR_EOM, 0
        sti
.second:
        cmp dword [interrupts + VECTOR * 4], 2
        jb .second
        cli
        mov eax, [SIMP_AT + 3 * 256 + 16]
        check rax, 1, "the waiting message is not of timer 1"
        mov dword [SIMP_AT + 3 * 256], 0
        write_msr HV_X64_MSR_EOM, 0

        ; timer 2, periodic, direct mode
        write_msr HV_X64_MSR_STIMER0 + 5, 10000
        write_msr HV_X64_MSR_STIMER0 + 4, 3 | (DIRECT << 4) | (1 << 12)
        sti
.direct:
        hlt
        cmp dword [interrupts + DIRECT * 4], 5
        jb .direct
        cli
        write_msr HV_X64_MSR_STIMER0 + 4, 0

        ; a masked SINT delivers nothing
        mov eax, [interrupts + VECTOR * 4]
        mov [seen], eax
        write_msr HV_X64_MSR_SINT0 + 3, VECTOR | (1 << 16)
        call now
        mov r14, rax
        write_msr HV_X64_MSR_STIMER0 + 1, r14
        write_msr HV_X64_MSR_STIMER0, 1 | (3 << 16)
        sti
        mov ecx, 200000
.masked:
        loop .masked
        cli
        mov eax, [interrupts + VECTOR * 4]
        mov ebx, [seen]
        check rax, rbx, "a masked SINT interrupted"

        ; vectors below 16 are refused (TLFS 11.8.3)
        expect 13, "a SINT vector below 16 is not #GP", call bad_vector

        write_msr HV_X64_MSR_SIMP, SIMP_AT
        mov rax, [SIMP_AT]
        mov rbx, 0x5555555555555555
        check rax, rbx, "the page below the message page is not given back"
        ret

bad_vector:
        pop rax
        write_msr HV_X64_MSR_SINT0 + 4, 0x0F
        push rax
        ret
; the reference counter in RAX
now:    push rcx
        push rdx
        read_msr HV_X64_MSR_TIME_REF
        pop rdx
        pop rcx
        ret
enable_x2apic:
        mov ecx, 0x1B
        rdmsr
        or eax, 0xC00
        wrmsr
        write_msr 0x80F, 0x1FF
        ret
seen:   dd 0
text_early: db "the timer fired before its time", 0
text_not_pending: db "MessagePending is not set on a busy slot", 0
image_end:
