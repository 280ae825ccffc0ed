; Sleeping and waking of several processors (COUNT of them), as operating systems do it: look for work with interrupts off, then STI
; and HLT, which nothing may part (SDM vol. 2, STI); and the guest-idle state inside an interrupt handler (TLFS 10.1.4).
;
; A wake-up that is lost leaves the program standing for ever; the tests give it a deadline.
%define HAVE_APS
%include "long_mode.inc"

%ifndef COUNT
%define COUNT 2
%endif
%ifndef ROUNDS
%define ROUNDS 1000
%endif
PAGE_AT equ 0x300000
SUMMON  equ 0x60                        ; the bootstrap processor calls the others
ANSWER  equ 0x61
LATE    equ 0xF3                        ; ends late, as the VMBus interrupt of Linux does
KICK    equ 0xF7                        ; of LATE's priority class
HV_X64_MSR_GUEST_IDLE equ 0x400000F0

; sleep_unless LABEL: sleeps until the next interrupt unless the flags say "equal", with interrupts off since they were computed
%macro sleep_unless 1
        je %1
        sti
        hlt
%endmacro

main:   mov al, 0xFF
        out 0x21, al
        out 0xA1, al
        write_msr HV_X64_MSR_GUEST_OS_ID, 0x8100000000000000
        write_msr HV_X64_MSR_HYPERCALL, PAGE_AT | 1
        mov qword [on_interrupt], interrupted
        mov ecx, COUNT
        call start_others

        ; each round wakes all others and is woken by each of them
        mov r12d, 1
.round: mov dword [answers], 0
        mov [round], r12d
        mov edi, SUMMON
        mov rsi, (1 << COUNT) - 2
        mov r11d, 0x000C4000 | SUMMON     ; all but self
        xor r10d, r10d
        call send
.look:  cli
        cmp dword [answers], COUNT - 1
        sleep_unless .all
        jmp .look
.all:   sti
        inc r12d
        cmp r12d, ROUNDS
        jbe .round

        ; processor 1 waits in guest idle for a kick that its own interrupt outranks
        mov r12d, 1
.idle:  mov dword [inside], 0
        mov edi, LATE
        mov rsi, 2
        mov r11d, 0x00004000 | LATE
        mov r10d, 1 << 24
        call send
.enter: pause
        cmp [inside], r12d
        jne .enter
        mov ecx, 200                    ; often, not always, it sleeps by then
.give:  pause
        loop .give
        mov [released], r12d
        mov edi, KICK
        mov rsi, 2
        mov r11d, 0x00004000 | KICK
        mov r10d, 1 << 24
        call send
.left:  pause
        cmp [left], r12d
        jne .left
        inc r12d
        cmp r12d, ROUNDS / 10
        jbe .idle
        ret

; send: an interrupt EDI to the processors of mask RSI; every other round (R12) by hypercall, else by the APIC's command R10:R11
send:   push rcx
        test r12d, 1
        jz .by_apic
        mov rcx, 0x1000B                ; HvCallSendSyntheticClusterIpi, fast
        mov edx, edi
        mov r8, rsi
        mov rax, PAGE_AT
        call rax
        check rax, 0, "the call that sends interrupts fails"
        pop rcx
        ret
.by_apic:
        mov eax, 0xFEE00310
        mov [rax], r10d
        mov eax, 0xFEE00300
        mov [rax], r11d
        pop rcx
        ret

ap_main:
        call enable_apic
        xor r12d, r12d                  ; the last round seen
.look:  cli
        cmp [round], r12d
        jne .work
        sti
.sleep: hlt
        jmp .look
.work:  mov r12d, [round]
        sti
        lock inc dword [answers]
        mov edi, ANSWER
        mov rsi, 1
        mov r11d, 0x00004000 | ANSWER
        xor r10d, r10d
        call send
        jmp .look

; RSP + 8: the six registers that the dispatcher keeps, vector, error code, RIP
interrupted:
        mov rax, [rsp + 8 + 6 * 8 + 16]
        cmp byte [rax], 0xF4            ; going on at a HLT: it came between the two
        jne .whole
        mov eax, edi
        lea rsi, [text_torn]
        call fail
.whole: cmp edi, LATE
        jne .end
        mov ebx, [left]
        inc ebx
        mov [inside], ebx
.wait:  cmp [released], ebx
        je .released
        read_msr HV_X64_MSR_GUEST_IDLE
        jmp .wait
.released:
        mov [left], ebx
.end:   ret

text_torn: db "an interrupt came between STI and HLT, vector", 0
        align 64
round:  dd 0
        align 64
answers: dd 0
        align 64
inside: dd 0
        align 64
released: dd 0
        align 64
left:   dd 0
image_end:
