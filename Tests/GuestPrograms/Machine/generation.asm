; The virtual machine generation counter as an operating system uses it: finds the ACPI tables from the RSDP, the id's address in the
; DSDT and the general-purpose events in the FADT, then sleeps. Wakes for a notification ("changed" and the id), for a byte at COM1
; ("I": how many notifications there were, and the id; "Q": the end).
%include "../HyperV/long_mode.inc"

COM1  equ 0x3F8
SCI   equ 0x41
TYPED equ 0x42

; check_byte and check_double OPERAND, VALUE, "what": `check` of a narrower operand
%macro check_byte 3
        push rax
        movzx eax, %1
        check rax, %2, %3
        pop rax
%endmacro
%macro check_double 3
        push rax
        mov eax, %1
        check rax, %2, %3
        pop rax
%endmacro

; find_table: EAX = signature -> RSI = the table that the XSDT in R8 names; fails when there is none
find_table:
        mov ecx, [r8 + 4]
        sub ecx, 36
        shr ecx, 3
        lea rbx, [r8 + 36]
.next:  mov rsi, [rbx]
        cmp [rsi], eax
        je .end
        add rbx, 8
        loop .next
        lea rsi, [.text]
        call fail
.end:   ret
.text:  db "no such table", 0

; aml_integer: RAX = the integer at RSI, which moves behind it
aml_integer:
        xor eax, eax
        mov dl, [rsi]
        inc rsi
        cmp dl, 1                       ; Zero and One stand for themselves
        ja .byte
        mov al, dl
        ret
.byte:  cmp dl, 0x0A
        jne .word
        mov al, [rsi]
        inc rsi
        ret
.word:  cmp dl, 0x0B
        jne .double
        mov ax, [rsi]
        add rsi, 2
        ret
.double:
        check_byte dl, 0x0C, "ADDR holds no integer of 32 bits"
        mov eax, [rsi]
        add rsi, 4
        ret

main:   mov rsi, 0xE0000                ; the RSDP stands on a 16-byte boundary (ACPI 5.2.5.1)
        mov rax, "RSD PTR "
.rsdp:  cmp [rsi], rax
        je .tables
        add rsi, 16
        cmp rsi, 0x100000
        jb .rsdp
        lea rsi, [.no_rsdp]
        call fail
.tables:
        mov r8, [rsi + 24]
        check_double [r8], "XSDT", "the RSDP names no XSDT"
        mov eax, "FACP"
        call find_table
        check_byte byte [rsi + 92], 2, "there are not two bytes of general-purpose events"
        check_byte byte [rsi + 220], 1, "they are not in the port space"
        mov rax, [rsi + 224]
        mov [events_port], ax
        movzx r9d, byte [rsi + 46]      ; the system control interrupt
        mov rsi, [rsi + 140]
        check_double [rsi], "DSDT", "the FADT names no DSDT"
        mov ecx, [rsi + 4]
        sub ecx, 8
        mov rax, "ADDR"
.name:  cmp byte [rsi], 8               ; NameOp
        jne .other
        cmp [rsi + 1], eax
        je .address
.other: inc rsi
        loop .name
        lea rsi, [.no_address]
        call fail
.address:
        add rsi, 5
        check_byte byte [rsi], 0x12, "ADDR is no package"
        check_byte byte [rsi + 2], 2, "ADDR has not two elements"
        add rsi, 3
        call aml_integer
        mov rbx, rax
        call aml_integer
        shl rax, 32
        add rax, rbx
        mov [id_at], rax
        call print_id

        mov qword [on_interrupt], interrupted
        mov r11d, 0xFEE000F0
        mov dword [r11], 0x1FF          ; local APIC on
        mov r11d, 0xFEC00000            ; the IOAPIC: the SCI is level-triggered and active high, COM1 at pin 4 edge-triggered
        lea eax, [r9 * 2 + 0x10]
        mov [r11], eax
        mov dword [r11 + 0x10], 0x8000 | SCI
        mov dword [r11], 0x10 + 4 * 2
        mov dword [r11 + 0x10], TYPED
        mov edx, COM1 + 4
        mov al, 0x0B
        out dx, al
        mov edx, COM1 + 1
        mov al, 1
        out dx, al
        mov dx, [events_port]
        in al, dx
        check_byte al, 0, "an event is there before it was enabled"
        inc edx
        mov al, 1
        out dx, al
        lea rsi, [.ready]
        call print

        xor r12d, r12d                  ; notifications told of
.sleep: cli
        cmp [notifications], r12d
        jne .changed
        mov al, [typed]
        test al, al
        jnz .byte
        sti
        hlt
        jmp .sleep
.changed:
        inc r12d
        lea rsi, [.change]
        call print
        call print_id
        jmp .sleep
.byte:  mov byte [typed], 0
        cmp al, 'Q'
        je .end
        lea rsi, [.count]
        call print
        mov eax, [notifications]
        call print_hex
        call print_id
        jmp .sleep
.end:   ret
.no_rsdp:    db "no RSDP", 0
.no_address: db "no ADDR in the DSDT", 0
.ready:      db "ready", 10, 0
.change:     db "changed", 10, 0
.count:      db "notifications ", 0

; print_id: the sixteen bytes as two numbers
print_id:
        mov rbx, [id_at]
        lea rsi, [.text]
        call print
        mov rax, [rbx]
        call print_hex
        mov rax, [rbx + 8]
        call print_hex
        ret
.text:  db "id", 10, 0

; interrupted: vector in EDI
interrupted:
        cmp edi, SCI
        jne .typed
        mov dx, [events_port]
        in al, dx
        check_byte al, 1, "the interrupt comes without its event"
        out dx, al
        inc dword [notifications]
        ret
.typed: mov edx, COM1 + 5
        in al, dx
        test al, 1
        jz .none
        mov edx, COM1
        in al, dx
        mov [typed], al
.none:  ret

id_at:         dq 0
notifications: dd 0
events_port:   dw 0
typed:         db 0
image_end:
