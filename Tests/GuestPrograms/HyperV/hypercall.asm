; The hypercall interface: discovery, the page and its overlay, statuses (TLFS chapters 2, 3 and 4, appendix B).
%include "long_mode.inc"

PAGE_AT equ 0x300000
INPUT   equ 0x301000

main:   mov eax, 0x40000000
        cpuid
        check rbx, 0x7263694D, "leaf 0x40000000 does not say Microsoft Hv (Micr)"
        check rcx, 0x666F736F, "leaf 0x40000000 does not say Microsoft Hv (osof)"
        check rdx, 0x76482074, "leaf 0x40000000 does not say Microsoft Hv (t Hv)"
        mov eax, 0x40000001
        cpuid
        check rax, 0x31237648, "leaf 0x40000001 is not Hv#1"

        mov rdi, PAGE_AT                ; what lies below the overlay
        mov rax, 0x1122334455667788
        mov ecx, 512
        rep stosq

        ; without a guest OS id the page cannot be enabled (TLFS 3.13)
        write_msr HV_X64_MSR_HYPERCALL, PAGE_AT | 1
        read_msr HV_X64_MSR_HYPERCALL
        and eax, 1
        check rax, 0, "the page is enabled without a guest OS id"
        write_msr HV_X64_MSR_GUEST_OS_ID, 0x8100000000000000
        write_msr HV_X64_MSR_HYPERCALL, PAGE_AT | 1
        read_msr HV_X64_MSR_HYPERCALL
        check rax, PAGE_AT | 1, "the hypercall MSR does not keep its value"
        mov rax, [PAGE_AT]
        mov rbx, 0x1122334455667788
        cmp rax, rbx
        jne .overlaid
        lea rsi, [text_not_overlaid]
        call fail
.overlaid:
        expect 13, "a write to the hypercall page is not #GP", mov qword [PAGE_AT], 0

        mov rcx, 0x40                   ; HvCallCreatePartition
        mov rdx, INPUT
        mov r8, INPUT
        call hypercall
        check rax, 6, "HvCallCreatePartition is not denied"

        mov rcx, 0x7FFF
        call hypercall
        check rax, 2, "an unknown call is not HV_STATUS_INVALID_HYPERCALL_CODE"

        mov rcx, 0x5C | (1 << 27)       ; a reserved bit of the input value
        call hypercall
        check rax, 3, "a reserved input bit is not HV_STATUS_INVALID_HYPERCALL_INPUT"

        mov rcx, 0x5C                   ; HvCallPostMessage, input not aligned to 8
        mov rdx, INPUT + 1
        call hypercall
        check rax, 4, "a misaligned input is not HV_STATUS_INVALID_ALIGNMENT"

        mov rdi, INPUT
        xor eax, eax
        mov ecx, 512
        rep stosq
        mov dword [INPUT], 2            ; connection 2: VMBus has 1 and 4
        mov dword [INPUT + 8], 1        ; message type
        mov dword [INPUT + 12], 8       ; payload size
        mov rcx, 0x5C
        mov rdx, INPUT
        call hypercall
        check rax, 0x12, "a message to no port is not HV_STATUS_INVALID_CONNECTION_ID"

        mov rcx, 0x5D | (1 << 16)       ; HvCallSignalEvent, fast
        mov rdx, 99
        mov r8, 0
        call hypercall
        check rax, 0x12, "an event to no port is not HV_STATUS_INVALID_CONNECTION_ID"

        ; flush everything on this processor: a call that succeeds
        mov qword [INPUT], 0
        mov qword [INPUT + 8], 3        ; all processors, all address spaces
        mov qword [INPUT + 16], 0
        mov rcx, 2
        mov rdx, INPUT
        call hypercall
        check rax, 0, "HvCallFlushVirtualAddressSpace fails"

        ; the port outside the page is an unclaimed one
        mov al, [PAGE_AT + 5]           ; the immediate of its OUT
        mov [.port + 1], al
        mov rcx, 0x7FFF
        mov rax, 0x5A
.port:  out 0, al
        check rax, 0x5A, "the hypercall port works outside the page"

        ; clearing the guest OS id disables the page and gives back what is below
        write_msr HV_X64_MSR_GUEST_OS_ID, 0
        mov rax, [PAGE_AT]
        mov rbx, 0x1122334455667788
        check rax, rbx, "the page below the overlay is not given back"
        expect 13, "a write to an undefined Hyper-V MSR is not #GP", call write_undefined
        ret

write_undefined:
        pop rax                         ; the expected exception goes on behind the call
        write_msr 0x400000FE, 0
        push rax
        ret
hypercall:
        mov rax, PAGE_AT
        call rax
        ret
text_not_overlaid: db "the hypercall page shows the memory below it", 0
image_end:
