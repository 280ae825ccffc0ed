; Several processors (COUNT of them): start-up, interrupts between them, x86-TSO litmus programs, cross-processor invalidation by an
; interrupt and, under Hyper-V, by HvCallFlushVirtualAddressSpace too.
%define HAVE_APS
%include "long_mode.inc"

%ifndef COUNT
%define COUNT 2
%endif
PAGE_AT equ 0x300000
INPUT   equ 0x301000
WINDOW  equ 0x40000000                  ; a 2 MiB page whose entry is moved about
ENTRY   equ PML4 + 0x2000 + (WINDOW >> 21) * 8
%ifndef ROUNDS
%define ROUNDS 2000
%endif

main:   mov al, 0xFF                    ; where there is a PIC it stays silent
        out 0x21, al
        out 0xA1, al
        mov eax, 0x40000000
        cpuid
        cmp ebx, 0x7263694D
        jne .plain
        mov dword [has_hypercalls], 1
        write_msr HV_X64_MSR_GUEST_OS_ID, 0x8100000000000000
        write_msr HV_X64_MSR_HYPERCALL, PAGE_AT | 1
.plain: mov qword [on_interrupt], interrupted
        mov ecx, COUNT
        call start_others
        sti

        ; every processor adds to one counter, locked
        mov dword [phase], 1
        call add_all
        call wait_done
        check qword [counter], COUNT * ROUNDS, "locked additions were lost"

        ; message passing: data then flag; nobody may see the flag without the data (x86-TSO)
        mov dword [phase], 2
        mov ecx, ROUNDS
.mp:    mov rax, rcx
        mov [data], rax
        mov [flag], rax
.mp_ack:
        pause
        cmp [acknowledged], rax
        jne .mp_ack
        loop .mp
        call wait_done
        check qword [violations], 0, "message passing was seen out of order"

        ; store buffering with MFENCE: both may not read zero
        mov dword [phase], 3
        mov r12d, ROUNDS
.sb:    mov qword [x], 0
        mov qword [y], 0
        mov dword [sb_go], r12d
        mov qword [x], 1
        mfence
        mov r13, [y]
.sb_other:
        pause
        cmp [sb_done], r12d
        jne .sb_other
        or r13, [sb_read]
        test r13, r13
        jnz .sb_good
        lea rsi, [text_sb]
        call fail
.sb_good:
        dec r12d
        jnz .sb
        mov dword [sb_go], -1
        call wait_done

        ; a page moves under the others' feet: after the flush all see the new one
        mov dword [0x600000], 1
        mov dword [0x800000], 2
        mov qword [ENTRY], 0x600000 | 0x83
        invlpg [WINDOW]
        mov dword [phase], 4
        mov r12d, ROUNDS / 10
.move:  mov dword [seen_old], 0
        call wait_seen
        mov qword [ENTRY], 0x800000 | 0x83
        call flush
        mov dword [moved], 1            ; from here on nobody may read the old page
        mov ecx, 2000
.settle:
        pause
        loop .settle
        mov dword [moved], 0
        mov qword [ENTRY], 0x600000 | 0x83
        call flush
        dec r12d
        jnz .move
        mov dword [phase], 5
        check qword [violations], 0, "a processor read through a flushed translation"

        ; interrupts to all others and back
        mov r12d, 100
.ipi:   apic_write 0x300, 0x000C4060  ; vector 0x60, all but self
        mov eax, 101
        sub eax, r12d
        imul eax, eax, COUNT - 1
.ipi_wait:
        pause
        cmp [interrupts + 0x60 * 4], eax
        jb .ipi_wait
        dec r12d
        jnz .ipi
        mov dword [phase], 6
        ret

; all processors forget their translations: every other round by hypercall, where there is one
flush:  test r12d, 1
        jz .by_interrupt
        cmp dword [has_hypercalls], 0
        je .by_interrupt
        mov qword [INPUT], 0
        mov qword [INPUT + 8], 3        ; all processors, all address spaces
        mov qword [INPUT + 16], 0
        mov rcx, 2
        mov rdx, INPUT
        xor r8d, r8d
        mov rax, PAGE_AT
        call rax
        check rax, 0, "the flush call fails"
        ret
.by_interrupt:
        mov dword [shot], 0
        apic_write 0x300, 0x000C4061
        mov rax, cr3
        mov cr3, rax
.wait:  pause
        cmp dword [shot], COUNT - 1
        jb .wait
        ret

interrupted:
        cmp edi, 0x61
        jne .other
        mov rax, cr3
        mov cr3, rax
        lock inc dword [shot]
.other: ret

add_all:
        mov ecx, ROUNDS
.next:  lock inc qword [counter]
        loop .next
        ret

; until all other processors have finished the phase
wait_done:
        mov eax, COUNT - 1
.wait:  pause
        cmp [done], eax
        jb .wait
        mov dword [done], 0
        ret

; until processor 1 has read the old page once
wait_seen:
        pause
        cmp dword [seen_old], 0
        je wait_seen
        ret

; wait until the phase is ECX
await:  pause
        cmp [phase], ecx
        jb await
        ret

ap_main:
        mov ebx, edi
        call enable_apic
        sti
        mov ecx, 1
        call await
        call add_all
        lock inc dword [done]

        mov ecx, 2
        call await
        cmp ebx, 1
        jne .mp_end
        mov ecx, ROUNDS
.mp:    mov rax, [flag]
        mov rdx, [data]
        cmp rax, rcx
        je .mp_seen
        pause
        jmp .mp
.mp_seen:
        cmp rdx, rcx                    ; data was read after the flag
        je .mp_good
        lock inc qword [violations]
.mp_good:
        mov [acknowledged], rax
        loop .mp
.mp_end:
        lock inc dword [done]

        mov ecx, 3
        call await
        cmp ebx, 1
        jne .sb_end
        mov r12d, ROUNDS
.sb:    cmp [sb_go], r12d
        je .sb_run
        cmp dword [sb_go], -1
        je .sb_end
        pause
        jmp .sb
.sb_run:
        mov qword [y], 1
        mfence
        mov rax, [x]
        mov [sb_read], rax
        mov [sb_done], r12d
        dec r12d
        jnz .sb
.sb_end:
        lock inc dword [done]

        mov ecx, 4
        call await
.look:  cmp dword [phase], 5
        jae .ipi
        mov ecx, [moved]
        mov eax, [WINDOW]
        cmp eax, 1
        jne .new
        mov dword [seen_old], 1
        test ecx, ecx                   ; moved was set before the read, and it read the old page
        jz .look
        cmp dword [moved], 1            ; unless the page has moved back meanwhile
        jne .look
        lock inc qword [violations]
.new:   pause
        jmp .look
.ipi:   cmp dword [phase], 6
        jae .end
        hlt
        jmp .ipi
.end:   ret

        align 64
phase:  dd 0
done:   dd 0
        align 64
counter: dq 0
        align 64
data:   dq 0
        align 64
flag:   dq 0
        align 64
acknowledged: dq 0
        align 64
x:      dq 0
        align 64
y:      dq 0
        align 64
sb_go:  dd 0
sb_done: dd 0
sb_read: dq 0
violations: dq 0
moved:  dd 0
shot:   dd 0
has_hypercalls: dd 0
seen_old: dd 0
text_sb: db "store buffering: both processors read zero across MFENCE", 0
image_end:
