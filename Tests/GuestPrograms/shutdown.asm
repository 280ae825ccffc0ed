; An exception without a gate for it, nor for the double fault: shutdown. VARIANT 0: protected mode, 1: long mode.
%include "machine64.inc"

main:
    mov esi, text_before
    call puts
%if VARIANT == 1
    enter_long
    lidt [nothing]
    ud2
bits 32
%else
    lidt [nothing]
    ud2
%endif
    mov esi, text_behind
    call puts
    jmp finish
text_before: db "before", 10, 0
text_behind: db "behind", 10, 0
nothing:
    dw 0
    dd 0, 0
