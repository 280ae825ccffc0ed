// The state block of one virtual processor: shared by the interpreter, the translator and the C floating-point routines.
//
// One block per VP, owned and written by the VP's thread only. Layout is a contract: generated code addresses it by
// offset, and saved states are made from it by name (ProcessorState in Processor/Engine). Fields are only ever added.
//
//   0x000  general registers, RAX RCX RDX RBX RSP RBP RSI RDI R8..R15 (the order of the ModRM encoding)
//   0x080  RIP and the lazy flags
//   ...    segments, descriptor tables, control, debug and system registers
//   ...    XMM, x87
//   ...    fault record, counters, pointers of the engine
#ifndef LV_PROCESSOR_STATE_H
#define LV_PROCESSOR_STATE_H
#include <stdint.h>
#include <stddef.h>

// A segment register with its hidden part.
typedef struct lv_segment {
    uint64_t base;
    uint32_t limit;       // effective limit in bytes (granularity applied)
    uint16_t selector;
    uint16_t attributes;  // bits 0-3 type, 4 S, 5-6 DPL, 7 P, 12 AVL, 13 L, 14 D/B, 15 G (descriptor bytes 5 and 6; bits 8-11 zero). 0 = unusable
} lv_segment;

// Segment order is the one of the Sreg field (ES CS SS DS FS GS), then LDTR and TR.
enum { LV_ES = 0, LV_CS, LV_SS, LV_DS, LV_FS, LV_GS, LV_LDTR, LV_TR };

typedef struct lv_table { uint64_t base; uint32_t limit; uint32_t reserved; } lv_table;

// A 128-bit register, addressed by lane.
typedef union lv_xmm {
    uint8_t u8[16]; uint16_t u16[8]; uint32_t u32[4]; uint64_t u64[2];
} __attribute__((aligned(16))) lv_xmm;

// An x87 register in its 80-bit format (Intel SDM vol. 1, 8.2), padded to 16 bytes. MMn is the significand of the physical register n.
typedef struct lv_x87_register { uint64_t significand; uint16_t sign_exponent; uint16_t reserved[3]; } lv_x87_register;

// How the six arithmetic flags are kept between instructions. LV_FLAGS_EAGER: they are in `rflags`.
// Otherwise they follow from (kind, result, a, b); CF OF SF ZF AF PF bits in `rflags` are stale.
// The kinds are defined beside the flag computation (Processor/Interpreter/Flags.swift).
enum { LV_FLAGS_EAGER = 0 };

// What an instruction that cannot complete leaves behind (see Processor/Interpreter/Faults.swift).
typedef struct lv_fault { uint32_t vector; uint32_t error_code; uint32_t has_error_code; uint32_t pending; } lv_fault;

typedef struct lv_vp {
    uint64_t gpr[16];
    uint64_t rip;               // of the instruction being executed, whenever Swift code outside the hot handlers runs
    uint64_t zero;              // always 0: what LV_NO_REGISTER reads
    uint64_t block_rip;         // RIP of the first byte of the block being executed: what LV_BLOCK_RIP reads
    uint64_t rflags;            // all flags; the six arithmetic ones only when flags_kind == LV_FLAGS_EAGER
    uint64_t flags_result, flags_a, flags_b;
    uint32_t flags_kind;
    uint32_t cpl;               // current privilege level, = SS.DPL; 0 in real mode, 3 in virtual-8086 mode
    lv_segment segment[8];
    lv_table gdtr, idtr;
    uint64_t cr0, cr2, cr3, cr4, cr8;
    uint64_t dr[8];             // DR0-3, DR6, DR7 (4 and 5 unused)
    uint64_t efer, star, lstar, cstar, sfmask, kernel_gs_base, tsc_aux;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t pat;

    lv_xmm xmm[16];
    uint32_t mxcsr;
    uint16_t fcw, fsw, ftw, fop;   // fsw holds TOP in bits 11-13; ftw is the full two-bit tag word
    uint64_t fip, fdp;
    uint16_t fcs, fds;
    lv_x87_register x87[8];     // physical registers R0-R7 (ST(i) is (TOP + i) & 7)

    // Interrupt shadow and run state.
    uint32_t interrupt_shadow;  // blocks interrupts for one instruction (SDM vol. 3, 6.8.3): 1 by STI, 2 by MOV SS / POP SS, which hold debug traps off too
    uint32_t nmi_blocked;       // until IRET
    uint32_t halted;            // HLT executed, waits for an event
    uint32_t mode;              // 0: 16-bit code, 1: 32-bit code, 2: 64-bit code; derived from CS.L, CS.D and EFER.LMA

    lv_fault fault;

    // Counting. `retired` is exact at block boundaries; inside a block the engine knows how far it is.
    uint64_t retired;           // instructions retired by this VP since it was created
    uint64_t slice_end;         // value of `retired` at which the slice ends
    uint32_t exit_reason;       // != 0: leave the run loop at the next instruction boundary
    uint32_t next_length;       // length in bytes of the instruction being executed (routine ABI)

    // Pointers of the engine; not state.
    void *engine;               // unretained reference to the engine's class instance
    void *tlb;                  // software TLB
    void *block;                // block being executed
    uint64_t scratch[8];
    void *tlb_user;             // translations of CPL 3; `tlb` is this or the next
    void *tlb_supervisor;       // translations of CPL 0-2 and of implicit system accesses
    void *tlb_execute;          // instruction translations
    void *jump_cache;           // RIP to block
    uint64_t context_key;       // code mode, privilege and stepping, in bits 56-63
    uint64_t jump_tag;          // the same with the jump cache's epoch in bits 48-55: what a valid entry carries
    const void *routines;       // routine of each operation, by Operation.rawValue
    uint64_t debug_hits;        // data and port breakpoints that the instruction being executed met, as bits 0-3 of DR6; not state
    uint32_t wants_window;      // the engine is to leave where an interrupt can be taken (ProcessorEngine.wantsInterruptWindow)
    uint64_t limit;             // value of `retired` that `run` may not pass (slice_end is at most this; a kick makes it 0)

    // The translator's; not state. While translated code runs, RSP is the address of this block and `retired` is
    // native_base - native_budget; see Processor/Translator.
    uint64_t native_budget;     // instructions until the slice's end; negative at a block's entry: leave
    uint64_t native_base;       // slice_end when translated code was entered
    void *native_stack;         // the host's stack pointer; what it points at is the address of this block
    uint64_t native_linear;     // linear address of the access that the TLB did not serve
    int32_t native_result;      // what a helper wants the chain to end with
    uint32_t native_vector;     // 0: nothing is known; 1: SSE may be used; 2: the host's MXCSR is the guest's
    uint32_t native_host_mxcsr; // LV_HOST_MXCSR, for LDMXCSR
    uint32_t native_x87;        // 1: the x87 state is in the host's x87, and what is here is stale (floating_point_native.h)
    uint32_t native_x87_opcode; // with bit 31: FOP of the last x87 instruction there, whose address is already in `fip`
    uint32_t native_x87_data;   // with bit 31: the segment of its memory operand, whose offset is already in `fdp`
    uint64_t native_exits[8];   // how often translated code called or left, by NativeExit (Processor/Translator)
} lv_vp;

// A decoded instruction as the interpreter runs it. 32 bytes; a second slot follows where 64-bit data is needed.
typedef struct lv_uop {
    const void *fn;             // tail-threaded handler
    uint8_t a;                  // register operand (ModRM.reg, with REX.R), or as the handler says
    uint8_t b;                  // register operand (ModRM.rm with REX.B), when the operand is a register
    uint8_t base;               // address base register; LV_NO_REGISTER: none; LV_BLOCK_RIP: RIP-relative; LV_RIP: the same, far from the block
    uint8_t index;              // address index register; LV_NO_REGISTER: none
    uint8_t shift;              // log2 of the scale
    uint8_t segment;            // LV_ES.. of the memory operand
    uint8_t length;             // bytes of the instruction
    uint8_t remaining;          // instructions of the block from this one on
    uint16_t operation;         // Operation.rawValue (what the table names)
    uint16_t flags;             // LV_UOP_*
    uint32_t rip_offset;        // of this instruction from the block's first byte
    int32_t displacement;
    int32_t immediate;          // sign-extended; a 64-bit immediate is in the next slot
} lv_uop;

// Indices behind the 16 general registers, counted in words from gpr[0], so that an address needs no test for an absent part.
// A RIP-relative displacement counts from the block's first byte (LV_BLOCK_RIP); where that does not fit 32 bits it counts
// from the next instruction (LV_RIP).
enum { LV_RIP = 0x10, LV_NO_REGISTER = 0x11, LV_BLOCK_RIP = 0x12 };
_Static_assert(offsetof(lv_vp, rip) == LV_RIP * 8, "rip is word 16");
_Static_assert(offsetof(lv_vp, zero) == LV_NO_REGISTER * 8, "zero is word 17");
_Static_assert(offsetof(lv_vp, block_rip) == LV_BLOCK_RIP * 8, "block_rip is word 18");
enum {
    LV_UOP_SIZE8 = 0, LV_UOP_SIZE16 = 1, LV_UOP_SIZE32 = 2, LV_UOP_SIZE64 = 3, LV_UOP_SIZE_MASK = 3,  // operand size, log2 of bytes
    LV_UOP_MEMORY = 1 << 2,      // the rm operand is in memory
    LV_UOP_ADDRESS16 = 1 << 3, LV_UOP_ADDRESS32 = 1 << 4,   // address size; neither: 64
    LV_UOP_LOCK = 1 << 5, LV_UOP_REP = 1 << 6 /* F3 */, LV_UOP_REPNE = 1 << 7 /* F2 */,
    LV_UOP_REX = 1 << 8,         // a REX prefix is there: byte registers 4-7 are SPL BPL SIL DIL
    LV_UOP_OPERAND66 = 1 << 9,   // a 66 prefix is there
    LV_UOP_REX_W = 1 << 10,
    LV_UOP_TO_REGISTER = 1 << 11, // the destination is register `a`, the source the rm operand (or the immediate)
    LV_UOP_IMMEDIATE = 1 << 12,   // the source is the immediate
    LV_UOP_WIDE = 1 << 13,        // the next slot holds a 64-bit constant of this instruction
};
#endif
