; Small programs for the machine's own tests: what they do is chosen by MODE.
%include "../HyperV/long_mode.inc"

COM1 equ 0x3F8

; put AL on COM1 when the transmitter is ready
put:    push rdx
        push rax
        mov edx, COM1 + 5
.wait:  in al, dx
        test al, 0x20
        jz .wait
        pop rax
        mov edx, COM1
        out dx, al
        pop rdx
        ret

; cmos_read: AL = byte at index AL; cmos_write: byte AH to index AL
cmos_read:
        out 0x70, al
        in al, 0x71
        ret
cmos_write:
        out 0x70, al
        mov al, ah
        out 0x71, al
        ret

%if MODE = 1                            ; a line on COM1, then the end
main:   lea rsi, [.text]
.next:  lodsb
        test al, al
        jz .end
        call put
        jmp .next
.end:   ret
.text:  db "hello from COM1", 10, 0

%elif MODE = 2                          ; echoes COM1 until a Q comes
main:   mov edx, COM1 + 4
        mov al, 3
        out dx, al
.next:  mov edx, COM1 + 5
        in al, dx
        test al, 1
        jz .next
        mov edx, COM1
        in al, dx
        cmp al, 'Q'
        je .end
        call put
        jmp .next
.end:   ret

%elif MODE = 3                          ; halted with interrupts off
main:   cli
        hlt
        jmp main

%elif MODE = 4                          ; a triple fault
main:   lidt [.nothing]
        int3
.nothing:
        dw 0
        dq 0

%elif MODE = 5                          ; counts for ever
main:   mov rbx, 0x200000
.next:  inc qword [rbx]
        mov rax, [rbx]
        and eax, 0xFFFF
        mov [rbx + rax * 8 + 8], rbx
        jmp .next

%elif MODE = 6                          ; resets once by port 0xCF9, knows it from the clock's memory, then turns off by ACPI
main:   mov al, 0x40
        call cmos_read
        cmp al, 0x5A
        je .second
        mov ax, 0x5A40
        call cmos_write
        mov edx, 0xCF9
        mov al, 6
        out dx, al
        lea rsi, [.late]
        call print
        ret
.second:
        mov edx, 0x604
        mov ax, 5 << 10 | 1 << 13
        out dx, ax
        lea rsi, [.late]
        call print
        ret
.late:  db "still running", 10, 0

%elif MODE = 7                          ; periodic interrupts of the clock through the IOAPIC, counted while halted
main:   mov rax, .interrupted
        mov [on_interrupt], rax
        mov r11d, 0xFEE000F0
        mov dword [r11], 0x1FF          ; local APIC on
        mov r11d, 0xFEC00000
        mov dword [r11], 0x10 + 2 * 8
        mov dword [r11 + 0x10], 0x40    ; pin 8: edge, vector 0x40, physical, processor 0
        mov ax, 0x260A                  ; 1024 Hz
        call cmos_write
        mov ax, 0x420B
        call cmos_write
        mov al, 0x0C
        call cmos_read
.wait:  sti
        hlt
        cli
        cmp qword [.count], 2000
        jb .wait
        ret
.interrupted:
        mov al, 0x0C
        call cmos_read
        inc qword [.count]
        ret
.count: dq 0
%endif

image_end:
