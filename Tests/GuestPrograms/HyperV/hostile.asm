; A guest that speaks VMBus itself and then attacks the host with it (two processors): indices out of range, descriptors that lie,
; rings that change while the host reads them, GPADLs of pages that are no memory, that overlap or that are taken away in use, channels
; opened twice, rubbish for messages, floods of signals.
;
; Each round connects, asks for the offers, attacks a few times and unloads. What a guest waits for without a time-out must be answered
; (Linux does so), whatever went before: else the program says what was not. On COM1 it says when ROUNDS rounds are done; then it
; goes on for ever.
%define HAVE_APS
%include "long_mode.inc"
%include "vmbus.inc"

%ifndef ROUNDS
%define ROUNDS 100
%endif
%ifndef SEED
%define SEED 1
%endif

main:   mov al, 0xFF
        out 0x21, al
        out 0xA1, al
        call enable_synic
        mov r15, 0x9E3779B97F4A7C15 * SEED
        mov ecx, 2
        call start_others
        cli
        call connect                    ; first what is refused by name
        call wrong_gpadl
        call open_twice
        call unload
.round: call connect
        mov edi, 4
        call below
        lea r12d, [rax + 1]             ; attacks of this round
        mov dword [slot], 0
.attack:
        mov edi, (attacks_end - attacks) / 8
        call below
        call [attacks + rax * 8]
        inc dword [slot]
        dec r12d
        jnz .attack
        mov dword [chaos], 0
        call unload
        inc dword [rounds]
        cmp dword [rounds], ROUNDS
        jne .round
        lea rsi, [text_done]
        call say
        jmp .round

        align 8
attacks:
        dq open_and_babble, open_and_babble, open_and_babble, open_and_babble, wrong_index, wrong_index, wrong_gpadl, wrong_gpadl
        dq teardown_in_use, open_twice, rubbish, flood, overlap, overlap, close_and_release
attacks_end:

; The second processor writes into the rings of the first while the host reads them, and signals.
ap_main:
        cli
        mov r15, 0xD1B54A32D192ED03 * SEED
.next:  cmp dword [chaos], 0
        jne .work
        pause
        jmp .next
.work:  mov edi, SLOTS
        call below
        shl eax, 16
        lea rbx, [rax + RINGS]
        call random
        test al, 1
        jz .data
        shr eax, 8
        mov ecx, eax
        and ecx, 0x8000                 ; one of the two rings
        add rbx, rcx
        shr eax, 9
        and eax, 3
        mov ecx, [.fields + rax * 4]
        add rbx, rcx
        call random
        test ah, 3
        jz .store32
        and eax, 0x7FF8                 ; an index that could be
.store32:
        mov [rbx], eax
        jmp .signal
.data:  call random
        and eax, 0x6FF8                 ; the start of the data, where descriptors are
        lea rbx, [rbx + rax + 0x1000]
        call random
        mov [rbx], rax
.signal:
        call random
        test eax, 0x1F
        jnz .next
        shr eax, 8
        and eax, 63
        lea edx, [eax + 0x1000]
        call signal
        jmp .next
        align 4
.fields: dd 0, 4, 8, 12                 ; write index, read index, interrupt mask, pending send size

; --- attacks -----------------------------------------------------------------------------------------------------------------------

; a channel opened as it should be, then packets that its service may know, with lies in every fourth, and the second processor at work
open_and_babble:
        call choose_offer
        call open_well
        test eax, eax
        jz .end
        mov edi, 60
        call below
        lea ebp, [rax + 4]
        mov dword [stage], 0
.next:  call build_packet
        mov dword [lie], 0
        cmp dword [stage], 6            ; the handshakes come through
        jb .send
        mov dword [chaos], 1
        call random
        test al, 3
        jnz .send
        mov [lie], eax
.send:  call send_packet
        jc .end
        inc dword [stage]
        call take
        dec ebp
        jnz .next
.end:   mov dword [lie], 0
        ret

; a channel opened as it should be, then an index that cannot be
wrong_index:
        call choose_offer
        call open_well
        test eax, eax
        jz .end
        call slot_base
        call random
        mov ecx, eax
        and ecx, 0x8004                 ; either index of either ring
        shr eax, 16
        mov [rbx + rcx], eax
        mov edx, [connection]
        call signal
.end:   ret

; GPADLs that must be refused, or may
wrong_gpadl:
        call choose_offer
        call begin_gpadl
        mov edi, 12
        call below
        mov ebx, eax
        jmp [.kinds + rax * 8]
        align 8
.kinds: dq .beyond, .device, .overlay, .short, .long, .two, .offset, .huge, .again, .unfinished, .stranger, .none
.beyond:
        call random
        shr rax, 13
        mov [MESSAGE + 28], rax
        jmp .answered
.device:
        mov qword [MESSAGE + 28 + 8], 0xFEE00
        mov qword [MESSAGE + 28 + 16], 0xFEC00
        jmp .answered
.overlay:                               ; what lies below is memory: granted, and then used
        mov qword [MESSAGE + 28], PAGE_AT >> 12
        mov qword [MESSAGE + 28 + 8], SIMP_AT >> 12
        jmp .answered
.short: mov dword [MESSAGE + 20], 0x1000
        jmp .answered
.long:  mov dword [MESSAGE + 20], 0x100000
        jmp .answered
.two:   mov word [MESSAGE + 18], 2
        jmp .answered
.offset:
        mov dword [MESSAGE + 24], 0x1000
        jmp .answered
.huge:  mov dword [MESSAGE + 20], 0xFFFFFFFF
        mov word [MESSAGE + 16], 0xFFF8
        jmp .answered
.again: mov ecx, 156
        call post
        mov edi, CREATED
        call wait_for
        mov dword [MESSAGE], GPADL_HEADER
        jmp .answered
.stranger:
        call random
        mov [MESSAGE + 8], eax
        jmp .answered
.none:  mov word [MESSAGE + 16], 0
        mov word [MESSAGE + 18], 0
.answered:
        mov ecx, 156
        call post
        mov edi, CREATED
        call wait_for
        ret
.unfinished:                            ; bodies that never come, or come wrong
        mov ebp, 80
.more:  call begin_gpadl
        mov word [MESSAGE + 16], 8 + 400 * 8
        mov dword [MESSAGE + 20], 400 << 12
        mov ecx, 156
        call post
        call take
        mov edi, GPADL_BODY
        call begin
        call random
        mov [MESSAGE + 8], eax
        mov ecx, [next_gpadl]
        mov [MESSAGE + 12], ecx
        and eax, 0xFFF
        or eax, 0x1000
        mov [MESSAGE + 16], rax
        mov ecx, 24
        call post
        call take
        dec ebp
        jnz .more
        ret

; the pages go while packets are read from them
teardown_in_use:
        call choose_offer
        call open_well
        test eax, eax
        jz .end
        mov dword [stage], 0
        mov ebp, 8
.next:  call build_packet
        call send_packet
        inc dword [stage]
        dec ebp
        jnz .next
        mov dword [chaos], 1
        mov edi, GPADL_TEARDOWN
        call begin
        mov eax, [relid]
        mov [MESSAGE + 8], eax
        mov eax, [next_gpadl]
        mov [MESSAGE + 12], eax
        mov ecx, 16
        call post
        mov edi, TORN_DOWN
        call wait_for
        mov edx, [connection]
        call signal
.end:   ret

; opened twice, with a GPADL that is another channel's, by a processor that is not, with rings of no size
open_twice:
        call choose_offer
        call open_well
        call begin_open
        mov ecx, 148
        call post
        mov edi, OPENED
        call wait_for
        call begin_open
        call random
        mov [MESSAGE + 20], eax
        call again
        call begin_open
        mov edi, 20
        call below
        mov [MESSAGE + 24], eax
        call again
        call begin_open
        call random
        mov [MESSAGE + 24], eax
        call again
        call choose_offer
        call begin_open
again:  mov ecx, 148
        call post
        mov edi, OPENED
        jmp wait_for

; messages of any kind, length and content
rubbish:
        mov ebp, 100
.next:  mov edi, 26
        call below
        mov edi, eax
        cmp eax, CONTACT
        je .next
        cmp eax, UNLOAD
        je .next
        call begin
        mov ecx, 8
.fill:  call random
        mov [MESSAGE + rcx], rax
        add ecx, 8
        cmp ecx, 240
        jb .fill
        call random
        test al, 3
        jz .length
        and dword [MESSAGE + 8], 0x3F   ; a channel that there may be
        and dword [MESSAGE + 12], 0xFF
        test ah, 7
        jnz .length
        mov [MESSAGE], eax              ; no kind at all
.length:
        mov edi, 242
        call below
        mov ecx, eax
        call post
        call take
        dec ebp
        jnz .next
        ret

; signals and questions without end; nobody takes the answers
flood:  call choose_offer
        call open_well
        mov ebp, 20000
.signal:
        mov edx, [connection]
        call signal
        dec ebp
        jnz .signal
        mov ebp, 300
.ask:   mov edi, REQUEST_OFFERS
        call begin
        mov ecx, 8
        call post_once
        dec ebp
        jnz .ask
        ret

; two channels with the same pages, rings that are one page over and over, or each the other
overlap:
        call choose_offer
        call open_well
        call choose_offer
        call begin_gpadl
        mov edi, 3
        call below
        mov ecx, 15
        cmp eax, 1
        jb .lend
        ja .crossed
        mov rax, [MESSAGE + 28]
.same:  mov [MESSAGE + 28 + rcx * 8], rax
        dec ecx
        jns .same
        jmp .lend
.crossed:
        mov rax, [MESSAGE + 28 + rcx * 8]
        xor eax, 8
        mov [MESSAGE + 28 + rcx * 8], rax
        dec ecx
        jns .crossed
.lend:  mov ecx, 156
        call post
        mov edi, CREATED
        call wait_for
        call begin_open
        call again
        mov dword [ring_at], 0
        mov dword [stage], 0
        mov ebp, 12
.next:  call build_packet
        call send_packet
        jc .end
        mov dword [chaos], 1
        inc dword [stage]
        dec ebp
        jnz .next
.end:   ret

; closing, releasing, moving: of channels in use and of any others
close_and_release:
        call choose_offer
        call open_well
        mov ebp, 20
.next:  mov edi, 4
        call below
        mov edi, [.kinds + rax * 4]
        call begin
        call random
        mov [MESSAGE + 12], eax
        and eax, 0x3F
        mov [MESSAGE + 8], eax
        test al, 7
        jnz .post
        mov eax, [relid]
        mov [MESSAGE + 8], eax
.post:  mov ecx, 32
        call post
        mov edx, [connection]
        call signal
        call take
        dec ebp
        jnz .next
        ret
        align 4
.kinds: dd CLOSE, RELEASED, MODIFY, GPADL_TEARDOWN

; --- packets ----------------------------------------------------------------------------------------------------------------------

; build_packet: the next one of the channel's service in PACKET: its type, bytes of lists and bytes of all in packet_kind and so on
build_packet:
        mov rdi, PACKET
        mov ecx, 64
.fill:  call random
        mov [rdi], rax
        add rdi, 8
        loop .fill
        mov dword [packet_kind], 6
        mov dword [packet_lists], 0
        mov dword [packet_bytes], 64
        mov eax, [service]
        cmp eax, STORAGE
        je .storage
        cmp eax, NETWORK
        je .network
        ; integration services: the pipe's header and the message's
        mov edi, 400
        call below
        and eax, ~7
        add eax, 32
        mov [packet_bytes], eax
        mov dword [PACKET], 1
        sub eax, 8
        mov [PACKET + 4], eax
        call random
        test al, 3
        jz .end
        and word [PACKET + 12], 7       ; kind of message
        mov ecx, [packet_bytes]
        sub ecx, 28
        mov [PACKET + 18], cx
        mov dword [PACKET + 20], 0
        and byte [PACKET + 25], 7
.end:   ret
.storage:
        mov eax, [stage]
        cmp eax, 4
        jae .request
        movzx eax, byte [.handshake + rax]
        mov [PACKET], eax
        mov dword [PACKET + 4], 1
        mov dword [PACKET + 8], 0
        mov word [PACKET + 12], 0x0602
        ret
.handshake: db 7, 9, 10, 8
.request:
        call random
        test al, 15
        jz .end                         ; any operation
        mov edi, 8
        call below
        mov ebx, eax                    ; pages less one
        lea ecx, [rax * 8 + 24]
        mov [packet_lists], ecx
        lea edx, [rcx + 64]
        mov [packet_bytes], edx
        mov dword [packet_kind], 9
        mov dword [PACKET], 0
        mov dword [PACKET + 4], 1
        lea eax, [rbx + 1]
        shl eax, 12
        mov [PACKET + 8], eax
        mov dword [PACKET + 12], 0
        mov r8d, eax
.page:  mov edi, 0x700
        call below
        add eax, SCRATCH >> 12
        mov [PACKET + 16 + rbx * 8], rax
        dec ebx
        jns .page
        lea rdi, [PACKET + rcx]         ; the request behind the list
        mov dword [rdi], 3
        mov dword [rdi + 4], 1
        mov dword [rdi + 8], 0
        mov dword [rdi + 12], 0x34
        mov dword [rdi + 16], 0         ; path, target, LUN 0
        mov word [rdi + 20], 0x1410
        mov r9, rdi
        mov edi, 10
        call below
        mov al, [.commands + rax]
        mov [r9 + 28], al
        mov byte [r9 + 22], 1           ; reads
        cmp al, 0x2A
        jne .direction
        mov byte [r9 + 22], 0
.direction:
        mov [r9 + 24], r8d
        mov edi, 300
        call below
        mov dword [r9 + 30], 0
        mov [r9 + 33], al               ; low byte of the block's number
        mov byte [r9 + 35], 0
        shr r8d, 9
        mov [r9 + 36], r8b
        call random
        test al, 7
        jnz .end
        mov [r9 + 24], eax              ; a length that lies
        test ah, 1
        jz .end
        mov [PACKET + 8], eax
        ret
.commands: db 0x28, 0x28, 0x2A, 0x2A, 0x12, 0xA0, 0x25, 0x42, 0x35, 0x88
.network:
        mov dword [packet_bytes], 40
        mov eax, [stage]
        test eax, eax
        jnz .not_init
        mov dword [PACKET], 1
        mov dword [PACKET + 4], 0x60001
        mov dword [PACKET + 8], 0x60001
        ret
.not_init:
        cmp eax, 2
        ja .later
        mov ecx, 101                    ; receive buffer, then send buffer: the channel's own rings
        je .send_buffer
        jmp .buffer
.send_buffer:
        mov ecx, 104
.buffer:
        mov [PACKET], ecx
        mov eax, [next_gpadl]
        mov [PACKET + 4], eax
        ret
.later: mov edi, 40
        call below
        add eax, 100
        mov [PACKET], eax
        call random
        test al, 3
        jz .end
        ; an RNDIS packet in pages
        mov dword [packet_kind], 9
        mov dword [packet_lists], 24
        mov dword [packet_bytes], 64
        mov dword [PACKET], 0
        mov dword [PACKET + 4], 1
        and eax, 0xFF8
        mov [PACKET + 8], eax
        mov dword [PACKET + 12], 0
        mov qword [PACKET + 16], SCRATCH >> 12
        mov dword [PACKET + 24], 107
        and dword [PACKET + 28], 1
        mov dword [PACKET + 32], -1
        mov dword [PACKET + 36], 0
        mov rdi, SCRATCH
        mov ecx, 512
.rndis: call random
        mov [rdi], rax
        add rdi, 8
        loop .rndis
        mov edi, 9
        call below
        inc eax
        mov [SCRATCH], eax
        mov eax, [PACKET + 8]
        mov [SCRATCH + 4], eax
        and dword [SCRATCH + 8], 0xFFF
        and dword [SCRATCH + 12], 0xFFF
        ret

; send_packet: PACKET behind the last one of the slot's ring, with [lie] in its descriptor; CF: the ring is used up
send_packet:
        mov eax, [ring_at]
        mov ecx, [packet_bytes]
        lea edx, [rax + rcx + 24]
        cmp edx, 0x6F00
        ja .full
        call slot_base
        lea rdi, [rbx + rax + 0x1000]
        mov [ring_at], edx
        mov r10d, [packet_kind]
        mov r11d, [packet_lists]
        add r11d, 16
        shr r11d, 3
        shl r11, 16
        or r10, r11
        lea r11d, [rcx + 16]
        shr r11d, 3
        shl r11, 32
        or r10, r11
        bts r10, 48                     ; wants a completion
        mov r11d, [lie]
        shl r11, 12
        xor r10, r11
        mov [rdi], r10
        mov r11d, [stage]
        mov [rdi + 8], r11
        add rdi, 16
        mov rsi, PACKET
        shr ecx, 3
        rep movsq
        mov dword [rdi], 0
        mov [rdi + 4], eax
        mov [rbx], edx                  ; the write index
        mov edx, [connection]
        call signal
        clc
        ret
.full:  stc
        ret

text_done: db "hostile: all rounds done", 10, 0
rounds:  dd 0
lie:     dd 0
stage:   dd 0
packet_kind: dd 0
packet_lists: dd 0
packet_bytes: dd 0
image_end:
