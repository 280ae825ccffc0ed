; What would be a task switch: the engine refuses it with the state before the instruction. VARIANT 0: INT through a task gate,
; 1: JMP to a TSS, 2: CALL to a task gate of the GDT, 3: IRET with NT, 4: an exception through a task gate.
%include "machine32.inc"

main:
    mov word [idt + 34 * 8 + 2], OTHER_TSS
    mov byte [idt + 34 * 8 + 5], 0xe5
    mov word [idt + 6 * 8 + 2], OTHER_TSS
    mov byte [idt + 6 * 8 + 5], 0x85
    mov word [gdt_gate + 2], OTHER_TSS
    mov word [gdt_gate + 4], 0xe500
    mov ebx, here                       ; the test compares it with EIP
    push dword 0x4002
%if VARIANT == 3
    popfd
%endif
here:
%if VARIANT == 0
    int 34
%elif VARIANT == 1
    jmp OTHER_TSS:0
%elif VARIANT == 2
    call CALL_GATE:0
%elif VARIANT == 3
    iret
%else
    ud2
%endif
    mov ebx, 0
    jmp finish
