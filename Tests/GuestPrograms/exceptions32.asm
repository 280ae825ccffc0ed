; Every exception that protected mode can raise without paging or another level, with its error code.
%include "machine32.inc"

main:
    ; 0 #DE
    xor edx, edx
    xor ecx, ecx
    expect 0, 0, "DIV by zero", div ecx
    mov edx, 1
    mov ecx, 1
    expect 0, 0, "DIV overflow", div ecx
    mov eax, 0x80
    expect 0, 0, "AAM 0", db 0xd4, 0
    ; 3, 4: traps, the address is behind the instruction
    begin_trap after_int3
    int3
behind_int3:
after_int3:
    check [last_vector], 3, "INT3: vector"
    check [last_ip], behind_int3, "INT3: address"
    begin_trap after_into
    mov al, 0x7f
    add al, 1
    into
behind_into:
after_into:
    check [last_vector], 4, "INTO: vector"
    check [last_ip], behind_into, "INTO: address"
    clc
    mov al, 1
    add al, 1
    expect_none "INTO without OF", into
    ; 5 #BR
    mov dword [bounds], 1
    mov dword [bounds + 4], 5
    mov eax, 6
    expect 5, 0, "BOUND above", bound eax, [bounds]
    mov eax, 0
    expect 5, 0, "BOUND below", bound eax, [bounds]
    mov eax, 5
    expect_none "BOUND at the upper end", bound eax, [bounds]
    ; 6 #UD
    expect 6, 0, "UD2", ud2
    expect 6, 0, "MOV CS", db 0x8e, 0xc8
    expect 6, 0, "MOV CR1", db 0x0f, 0x20, 0xc8
    expect 6, 0, "LOCK on a register", db 0xf0, 0x01, 0xc0
    expect_strict 6, 0, "LOCK on a MOV", db 0xf0, 0x89, 0x00
    expect 6, 0, "LGDT of a register", db 0x0f, 0x01, 0xd0
    expect 6, 0, "SWAPGS outside 64-bit mode", db 0x0f, 0x01, 0xf8
    expect 6, 0, "SYSCALL without EFER.SCE", db 0x0f, 0x05
    expect 6, 0, "RSM", db 0x0f, 0xaa
    ; 7 #NM
    mov eax, cr0
    or eax, 8
    mov cr0, eax
    expect 7, 0, "x87 with TS", fnop
    expect 7, 0, "MMX with TS", db 0x0f, 0x6f, 0xc0
    clts
    mov eax, cr0
    or eax, 4
    mov cr0, eax
    expect 7, 0, "x87 with EM", fnop
    and eax, ~4
    mov cr0, eax
    expect_none "x87", fninit
    ; 10 #TS has its place in privilege32; 11 #NP
    mov ax, ABSENT_DATA
    expect 11, ABSENT_DATA, "DS not present", mov ds, ax
    mov ax, ABSENT_DATA | 3
    expect 13, ABSENT_DATA, "DS with RPL above DPL", mov ds, ax
    expect 11, ABSENT_CODE, "JMP to code not present", jmp ABSENT_CODE:0
    expect 11, CALL_GATE_ABSENT, "CALL through a gate not present", call CALL_GATE_ABSENT:0
    mov byte [idt + 40 * 8 + 5], 0x6e
    expect 11, 40 * 8 + 2, "INT through a gate not present", int 40
    ; 12 #SS
    mov ax, ABSENT_DATA
    expect 12, ABSENT_DATA, "SS not present", mov ss, ax
    ; 13 #GP
    mov ax, BEYOND
    expect 13, BEYOND, "selector behind the GDT", mov ds, ax
    mov ax, 4
    expect 13, 4, "selector of an empty LDT", mov ds, ax
    mov ax, 0
    expect 13, 0, "SS null", mov ss, ax
    mov ax, CODE32
    expect 13, CODE32, "SS is code", mov ss, ax
    mov ax, READ_ONLY
    expect 13, READ_ONLY, "SS is read-only", mov ss, ax
    mov ax, DATA32 | 1
    expect 13, DATA32, "SS with another RPL", mov ss, ax
    mov ax, USER_DATA
    expect 13, USER_DATA & ~3, "SS with another DPL", mov ss, ax
    mov ax, EXECUTE_ONLY
    expect 13, EXECUTE_ONLY, "DS is not readable", mov ds, ax
    mov ax, TSS
    expect 13, TSS, "DS is a TSS", mov ds, ax
    expect 13, 0, "JMP to null", jmp 0:0
    expect 13, DATA32, "JMP to data", jmp DATA32:0
    expect 13, USER_CODE32 & ~3, "JMP to an outer level", jmp USER_CODE32:0
    expect 13, BEYOND, "CALL behind the GDT", call BEYOND:0
    expect 13, 50 * 8 + 2, "INT behind the IDT", int 50
    mov ax, DATA32
    expect 13, DATA32, "LTR of data", ltr ax
    mov ax, TSS
    expect 13, TSS, "LTR of a busy TSS", ltr ax
    mov ax, DATA32
    expect 13, DATA32, "LLDT of data", lldt ax
    mov ax, 0
    expect_strict 13, 0, "LTR of null", ltr ax
    expect_none "LLDT of null", lldt ax
    mov eax, cr0
    and eax, ~1
    or eax, 0x80000000
    expect_strict 13, 0, "CR0.PG without PE", mov cr0, eax
    mov eax, cr4
    or eax, 1 << 30
    expect_strict 13, 0, "CR4 reserved bit", mov cr4, eax
    mov ecx, 0xc0000080
    rdmsr
    or edx, 1
    expect_strict 13, 0, "EFER reserved bit", wrmsr
    mov ecx, 0x277
    mov eax, 2
    xor edx, edx
    expect_strict 13, 0, "PAT of an undefined type", wrmsr
    cmp dword [on_tcg], 0
    jne .no_limits
    ; QEMU's TCG checks neither limits nor types of data segments.
    mov eax, cr0
    and eax, ~0x40000000
    or eax, 0x20000000
    expect 13, 0, "CR0.NW without CD", mov cr0, eax
    mov ax, SMALL_DATA
    mov fs, ax
    expect_none "read at the limit", mov al, [fs:0xff]
    expect 13, 0, "read behind the limit", mov al, [fs:0x100]
    expect 13, 0, "read across the limit", mov eax, [fs:0xfd]
    mov ax, EXPAND_DOWN
    mov fs, ax
    expect 13, 0, "expand-down below", mov al, [fs:0xfff]
    expect_none "expand-down", mov al, [fs:0x1000]
    mov ax, READ_ONLY
    mov fs, ax
    expect 13, 0, "write to read-only data", mov [fs:SCRATCH], al
    expect 13, 0, "write to code", mov [cs:SCRATCH], al
    xor ax, ax
    mov fs, ax
    expect 13, 0, "null segment", mov al, [fs:SCRATCH]
    mov ax, EXECUTE_ONLY
.no_limits:
    ; 16 #MF
    fninit
    push word 0x37b                     ; divide by zero unmasked
    fldcw [esp]
    fld1
    fldz
    fdivp
    expect 16, 0, "unmasked x87 exception", fwait
    fninit
    ; 17 #AC is for level 3; 19 #XM
    mov eax, cr4
    or eax, 0x600
    mov cr4, eax
    mov dword [bounds], 0x1d80          ; divide by zero unmasked
    ldmxcsr [bounds]
    xorps xmm0, xmm0
    mov dword [bounds], 0x3f800000
    movss xmm1, [bounds]
    expect_strict 19, 0, "unmasked SSE exception", divss xmm1, xmm0
    mov eax, cr4
    and eax, ~0x400
    mov cr4, eax
    cmp dword [on_tcg], 0
    jne .no_xm
    expect 6, 0, "SSE exception without OSXMMEXCPT", divss xmm1, xmm0
.no_xm:
    ; Software interrupts and the flags behind gates.
    begin_trap after_int
    stc
    sti
    int 40 - 8                          ; vector 32
behind_int:
after_int:
    check [last_vector], 32, "INT 32: vector"
    check [last_ip], behind_int, "INT 32: address"
    mov eax, [last_flags]
    and eax, 0x201
    check eax, 0x201, "INT 32: flags"
    ; RF is set in the image of a fault, not of a trap.
    mov ecx, 0
    expect 0, 0, "RF", div ecx
    mov eax, [last_flags]
    and eax, 0x10000
    xor edx, edx
    cmp edx, [on_tcg]
    jne .no_rf
    check eax, 0x10000, "RF in a fault's image"
.no_rf:
    begin_trap after_rf
    int3
after_rf:
    mov eax, [last_flags]
    and eax, 0x10000
    check eax, 0, "RF in a trap's image"
    ; A contributory exception in delivery: #GP whose gate is broken is a double fault with error code 0.
    mov byte [idt + 13 * 8 + 5], 0x80   ; an invalid type
    mov ax, BEYOND
    begin_trap after_double
    mov ds, ax
after_double:
    check [last_vector], 8, "double fault: vector"
    check [last_error], 0, "double fault: error code"
    mov byte [idt + 13 * 8 + 5], 0x8e
    ; A benign one is not: #UD whose gate is not present becomes #NP.
    mov byte [idt + 6 * 8 + 5], 0x0e
    expect_strict 11, 6 * 8 + 3, "#UD through a gate not present", ud2
    mov byte [idt + 6 * 8 + 5], 0x8e
    ; LAR, LSL, VERR, VERW, ARPL
    mov ecx, CODE32
    lar eax, ecx
    jz .lar
    check 0, 1, "LAR: visible"
.lar:
    and eax, 0x00f0fe00                 ; limit bits are undefined, TCG does not set the accessed bit of code
    check eax, 0x00c09a00, "LAR of CODE32"
    mov ecx, SMALL_DATA
    lsl eax, ecx
    check eax, 0xff, "LSL of SMALL_DATA"
    mov ecx, DATA32
    lsl eax, ecx
    check eax, 0xffffffff, "LSL of DATA32"
    mov ecx, BEYOND
    lsl eax, ecx
    setz al
    movzx eax, al
    check eax, 0, "LSL behind the GDT"
    mov ax, READ_ONLY
    verw ax
    setz al
    movzx eax, al
    check eax, 0, "VERW of read-only data"
    mov ax, EXECUTE_ONLY
    verr ax
    setz al
    movzx eax, al
    check eax, 0, "VERR of execute-only code"
    mov ax, READ_ONLY
    verr ax
    setz al
    movzx eax, al
    check eax, 1, "VERR of read-only data"
    mov eax, DATA32
    mov ecx, 3
    arpl ax, cx
    setz cl
    movzx ecx, cl
    check ecx, 1, "ARPL: ZF"
    check eax, DATA32 | 3, "ARPL"
    ; The accessed bit of a descriptor.
    and byte [gdt + DATA64 + 5], ~1
    mov ax, DATA64
    mov fs, ax
    movzx eax, byte [gdt + DATA64 + 5]
    check eax, 0x93, "accessed bit"
    movzx eax, byte [gdt_tss + 5]
    check eax, 0x8b, "TSS is busy"
    ; ENTER and LEAVE
    mov ebp, 0x12345678
    mov ebx, esp
    enter 16, 0
    mov eax, ebx
    sub eax, ebp
    check eax, 4, "ENTER: frame"
    mov eax, ebp
    sub eax, esp
    check eax, 16, "ENTER: space"
    enter 8, 2
    mov eax, ebp
    sub eax, esp
    check eax, 16, "ENTER 8,2: space"
    mov esp, ebp
    pop ebp
    leave
    check ebp, 0x12345678, "LEAVE: EBP"
    sub ebx, esp
    check ebx, 0, "LEAVE: ESP"
    ; Far pointers
    mov dword [bounds], 0xcafebabe
    mov dword [bounds + 4], DATA64
    les ecx, [bounds]
    check ecx, 0xcafebabe, "LES: offset"
    mov eax, es
    check eax, DATA64, "LES: selector"
    mov ax, DATA32
    mov es, ax
    jmp finish

bounds: dd 0, 0, 0
