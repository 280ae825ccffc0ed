; Paging in its three forms: rights at both levels, accessed and dirty bits, WP, NX, reserved bits, invalidation.
; (TCG reports reserved bits without the present bit of the error code, hence the strict checks.)
%include "machine64.inc"

%define DIRECTORY32 TABLES
%define TABLE32 (TABLES + 0x1000)
%define PAE_POINTERS (TABLES + 0x3000)
%define PAE_DIRECTORY (TABLES + 0x4000)
%define PAE_TABLE (TABLES + 0x5000)
WINDOW equ 0x10000000                   ; where the tests map SCRATCH

%macro user_fault 4                     ; label, error, CR2, "what"
    user %1
    check [last_vector], 14, {%4, ": vector"}
    check [last_error], %2, {%4, ": error code"}
    check [last_cr2], %3, {%4, ": CR2"}
%endmacro

main:
    mov eax, cr4
    or eax, 0x10                        ; PSE
    mov cr4, eax
    call clear
    ; 4 MiB pages over the first 64 MiB; a table for the window.
    mov edi, DIRECTORY32
    mov eax, 0x87
    mov ecx, 16
.identity:
    stosd
    add eax, 0x400000
    loop .identity
    mov dword [DIRECTORY32 + (WINDOW >> 22) * 4], TABLE32 + 7
    mov dword [TABLE32], SCRATCH + 7            ; user, writable
    mov dword [TABLE32 + 4], SCRATCH + 0x1000 + 5   ; user, read-only
    mov dword [TABLE32 + 8], SCRATCH + 0x2000 + 3   ; supervisor, writable
    mov dword [TABLE32 + 12], SCRATCH + 0x3000 + 1  ; supervisor, read-only
    mov dword [TABLE32 + 16], SCRATCH + 0x4000 + 6  ; not present
    mov eax, DIRECTORY32
    mov cr3, eax
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
    mov dword [SCRATCH], 0x11111111
    mov dword [SCRATCH + 0x1000], 0x22222222
    mov dword [SCRATCH + 0x4000], 0x55555555

    mov eax, [WINDOW]
    check eax, 0x11111111, "mapped"
    check [TABLE32], SCRATCH + 0x27, "accessed by a load"
    check [DIRECTORY32 + (WINDOW >> 22) * 4], TABLE32 + 0x27, "accessed above"
    mov [WINDOW], eax
    check [TABLE32], SCRATCH + 0x67, "dirty by a store"
    check [TABLE32 + 4], SCRATCH + 0x1005, "untouched entry"
    expect 14, 0, "load, not present", mov eax, [WINDOW + 0x4010]
    check [last_cr2], WINDOW + 0x4010, "CR2"
    expect 14, 2, "store, not present", mov [WINDOW + 0x4010], eax
    check [TABLE32 + 16], SCRATCH + 0x4006, "entry not present keeps its bits"
    expect 14, 0, "directory entry not present", mov eax, [0x20000000]
    ; WP.
    expect_none "supervisor store to read-only, WP off", mov [WINDOW + 0x1000], eax
    mov eax, cr0
    or eax, 0x10000
    mov cr0, eax
    expect 14, 3, "supervisor store to read-only, WP on", mov [WINDOW + 0x1000], eax
    expect 14, 3, "read-modify-write of read-only", add dword [WINDOW + 0x3000], 1
    expect_none "load of read-only", mov eax, [WINDOW + 0x3000]
    and dword [TABLE32 + 12], ~0x20
    mov eax, cr3
    mov cr3, eax
    expect 14, 3, "refused store", mov [WINDOW + 0x3000], eax
    check [TABLE32 + 12], SCRATCH + 0x3001, "a refused store leaves the entry alone"
    ; Level 3.
    user u_load0
    check [last_vector], 33, "user load"
    user u_store0
    check [last_vector], 33, "user store"
    user_fault u_load2, 5, WINDOW + 0x2000, "user load of a supervisor page"
    user_fault u_store1, 7, WINDOW + 0x1000, "user store to a read-only page"
    user_fault u_load4, 4, WINDOW + 0x4000, "user load, not present"
    user_fault u_store4, 6, WINDOW + 0x4000, "user store, not present"
    user_fault u_jump2, 5, WINDOW + 0x2000, "user fetch from a supervisor page"
    ; The directory's rights count too.
    and dword [DIRECTORY32 + (WINDOW >> 22) * 4], ~4
    mov eax, cr3
    mov cr3, eax
    user_fault u_load0, 5, WINDOW, "user load, supervisor directory entry"
    or dword [DIRECTORY32 + (WINDOW >> 22) * 4], 4
    and dword [DIRECTORY32 + (WINDOW >> 22) * 4], ~2
    mov eax, cr3
    mov cr3, eax
    user_fault u_store0, 7, WINDOW, "user store, read-only directory entry"
    expect 14, 3, "supervisor store, read-only directory entry", mov [WINDOW], eax
    or dword [DIRECTORY32 + (WINDOW >> 22) * 4], 2
    mov eax, cr3
    mov cr3, eax
    ; An access across two pages of which the second is absent: nothing is stored.
    mov dword [SCRATCH + 0x3ffc], 0
    or dword [TABLE32 + 12], 2
    mov eax, cr3
    mov cr3, eax
    mov eax, -1
    expect 14, 2, "store across into a page not present", mov [WINDOW + 0x3ffe], eax
    check [last_cr2], WINDOW + 0x4000, "CR2 of the second page"
    check [SCRATCH + 0x3ffc], 0, "nothing stored"
    ; Invalidation: INVLPG, CR3; from not present to present needs none.
    mov eax, [WINDOW]
    mov dword [TABLE32], SCRATCH + 0x1007
    invlpg [WINDOW]
    check [WINDOW], [SCRATCH + 0x1000], "INVLPG"
    mov dword [TABLE32], SCRATCH + 0x7
    mov eax, cr3
    mov cr3, eax
    check [WINDOW], [SCRATCH], "CR3"
    mov dword [TABLE32 + 16], SCRATCH + 0x4007
    check [WINDOW + 0x4000], 0x55555555, "made present"
    ; Global pages outlive CR3, not CR4.PGE.
    mov eax, cr4
    or eax, 0x80
    mov cr4, eax
    mov dword [TABLE32], SCRATCH + 0x107
    mov eax, cr3
    mov cr3, eax
    mov eax, [WINDOW]
    mov dword [TABLE32], SCRATCH + 0x1107
    mov eax, cr4
    and eax, ~0x80
    mov cr4, eax
    check [WINDOW], [SCRATCH + 0x1000], "CR4.PGE flushes global pages"
    ; Reserved bit 21 of a 4 MiB page.
    mov dword [DIRECTORY32 + 0x100 * 4], 0x00200087
    expect_strict 14, 9, "reserved bit of a 4 MiB page", mov eax, [0x100 << 22]

    ; PAE.
    mov eax, cr0
    and eax, 0x7fffffff
    mov cr0, eax
    call clear
    mov dword [PAE_POINTERS], PAE_DIRECTORY + 1
    mov edi, PAE_DIRECTORY
    mov eax, 0x87
    mov ecx, 32
.pae:
    stosd
    mov dword [edi], 0
    add edi, 4
    add eax, 0x200000
    loop .pae
    mov dword [PAE_DIRECTORY + (WINDOW >> 21) * 8], PAE_TABLE + 7
    mov dword [PAE_TABLE], SCRATCH + 7
    mov dword [PAE_TABLE + 8], SCRATCH + 0x1007
    mov dword [PAE_TABLE + 12], 0x80000000      ; NX
    mov dword [PAE_TABLE + 16], SCRATCH + 0x2007
    mov dword [PAE_TABLE + 20], 0x2000          ; address bit 45
    mov eax, cr4
    or eax, 0x20
    mov cr4, eax
    mov eax, PAE_POINTERS
    mov cr3, eax
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
    mov dword [SCRATCH], 0x909021cd             ; INT 33
    mov dword [SCRATCH + 0x1000], 0x909021cd
    expect_strict 14, 9, "NX without EFER.NXE is reserved", mov eax, [WINDOW + 0x1000]
    expect_strict 14, 9, "address bit 45", mov eax, [WINDOW + 0x2000]
    expect_strict 14, 11, "address bit 45, store", mov [WINDOW + 0x2000], eax
    mov ecx, 0xc0000080
    rdmsr
    or eax, 0x800
    wrmsr
    mov eax, [WINDOW + 0x1000]
    check eax, 0x909021cd, "load from an NX page"
    check [PAE_TABLE + 8], SCRATCH + 0x1027, "PAE: accessed"
    begin_trap nx
    mov eax, WINDOW + 0x1000
    jmp eax
nx:
    check [last_vector], 14, "fetch from an NX page: vector"
    check [last_error], 0x11, "fetch from an NX page: error code"
    check [last_ip], WINDOW + 0x1000, "fetch from an NX page: address"
    begin_trap fetched
    mov eax, WINDOW
    jmp eax
fetched:
    check [last_vector], 33, "fetch from a page"
    user_fault u_jump1, 0x15, WINDOW + 0x1000, "user fetch from an NX page"
    begin_trap absent
    mov eax, 0x11000000
    jmp eax
absent:
    check [last_error], 0x10, "fetch, not present"
    ; An instruction that begins on one page and ends on an absent one faults at the second.
    mov dword [SCRATCH + 0xffc], 0x90b89090     ; NOP NOP MOV EAX, imm32
    mov dword [PAE_TABLE + 8], 0
    mov dword [PAE_TABLE + 12], 0
    mov eax, cr3
    mov cr3, eax
    begin_trap crossing
    mov eax, WINDOW + 0xffc
    jmp eax
crossing:
    check [last_vector], 14, "fetch across pages: vector"
    check [last_error], 0x10, "fetch across pages: error code"
    check [last_ip], WINDOW + 0xffe, "fetch across pages: address"
    check [last_cr2], WINDOW + 0x1000, "fetch across pages: CR2"
    ; Page-directory pointers are checked when loaded.
    mov dword [PAE_POINTERS + 8], PAE_DIRECTORY + 3
    mov eax, PAE_POINTERS
    expect_strict 13, 0, "reserved bit in a page-directory pointer", mov cr3, eax
    mov dword [PAE_POINTERS + 8], 0

    ; Four levels.
    mov eax, cr0
    and eax, 0x7fffffff
    mov cr0, eax
    mov eax, cr4
    and eax, ~0x20
    mov cr4, eax
    enter_long
%define LONG_TABLE (TABLES + 0x8000)
%define WIDE 0x8000000000               ; the second PML4 entry
    mov edi, TABLES + 0x6000
    mov ecx, 0x3000 / 8
    xor eax, eax
    rep stosq
    mov qword [PML4 + 8], TABLES + 0x6007
    mov qword [TABLES + 0x6000], TABLES + 0x7007
    mov qword [TABLES + 0x7000], LONG_TABLE + 7
    mov qword [LONG_TABLE], SCRATCH + 7
    mov qword [LONG_TABLE + 8], SCRATCH + 0x1001
    mov dword [SCRATCH], 0x11111111
    mov rbx, WIDE
    mov eax, [rbx]
    check64 rax, 0x11111111, "four levels"
    check64 [PML4 + 8], TABLES + 0x6027, "PML4 entry accessed"
    check64 [TABLES + 0x6000], TABLES + 0x7027, "PDP entry accessed"
    check64 [TABLES + 0x7000], LONG_TABLE + 0x27, "directory entry accessed"
    check64 [LONG_TABLE], SCRATCH + 0x27, "page accessed"
    expect64 14, 3, "store to a read-only page", mov [rbx + 0x1000], eax
    ; A refusal high up.
    mov qword [PML4 + 8], TABLES + 0x6005
    mov rax, cr3
    mov cr3, rax
    expect64 14, 3, "read-only PML4 entry", mov [rbx], eax
    mov rax, 0x8000000000000000 | (TABLES + 0x6007)
    mov [PML4 + 8], rax
    mov rax, cr3
    mov cr3, rax
    begin_trap64 high
    jmp rbx
high:
    check64 [last_error64], 0x11, "NX in the PML4 entry"
    mov qword [PML4 + 8], TABLES + 0x6087
    mov rax, cr3
    mov cr3, rax
    expect64_strict 14, 9, "PS in a PML4 entry", mov eax, [rbx]
    mov qword [PML4 + 8], TABLES + 0x6007
    ; A 2 MiB page with a reserved bit.
    mov qword [TABLES + 0x7008], 0x00400087 | 0x2000
    expect64_strict 14, 9, "reserved bit of a 2 MiB page", mov eax, [rbx + 0x200000]
    mov qword [TABLES + 0x7008], 0x00000087
    mov rax, cr3
    mov cr3, rax
    mov eax, [rbx + 0x200000 + multiboot]
    check64 rax, MULTIBOOT_MAGIC, "2 MiB page"
    check64 [TABLES + 0x7008], 0x000000a7, "2 MiB page accessed"
    mov [rbx + 0x200000 + 0x1f0000], eax
    check64 [TABLES + 0x7008], 0x000000e7, "2 MiB page dirty"
    jmp finish64
bits 32

clear:
    mov edi, TABLES
    mov ecx, 0x6000 / 4
    xor eax, eax
    cld
    rep stosd
    ret

u_load0:
    mov eax, [WINDOW]
    int 33
u_store0:
    mov [WINDOW], eax
    int 33
u_load2: mov eax, [WINDOW + 0x2000]
u_store1: mov [WINDOW + 0x1000], eax
u_load4: mov eax, [WINDOW + 0x4000]
u_store4: mov [WINDOW + 0x4000], eax
u_jump2:
    mov eax, WINDOW + 0x2000
    jmp eax
u_jump1:
    mov eax, WINDOW + 0x1000
    jmp eax
