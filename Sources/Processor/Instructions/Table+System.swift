/// Rows of the system instructions (SDM vol. 2, appendix A; the grammar is in InstructionForm).
///
/// `imm=` of a segment instruction is the segment register's number; 256 of IN and OUT means that the port is in DX.
let systemTable = """
    06 PUSHSREG ES ; i64 imm=0
    07 POPSREG ES ; i64 imm=0
    0E PUSHSREG CS ; i64 imm=1
    16 PUSHSREG SS ; i64 imm=2
    17 POPSREG SS ; i64 imm=2
    1E PUSHSREG DS ; i64 imm=3
    1F POPSREG DS ; i64 imm=3
    62 m BOUND Gv,M ; i64
    63 ARPL Ew,Gw ; i64
    6C INS Yb,DX
    6D INS Yz,DX
    6E OUTS DX,Xb
    6F OUTS DX,Xz
    8C MOVFROMSREG Ev,Sw
    8E MOVTOSREG Sw,Ew
    9A CALLFAR Ap ; i64
    9C PUSHF ; d64
    9D POPF ; d64
    C4 m LOADFARPOINTER Gv,Mp ; i64 imm=0
    C5 m LOADFARPOINTER Gv,Mp ; i64 imm=3
    C8 ENTER Iw,Ib ; d64
    C9 LEAVE ; d64
    CA RETFARIMMEDIATE Iw
    CB RETFAR
    CC INT3
    CD INT Ib
    CE INTO ; i64
    CF IRET
    E4 IN AL,Ib
    E5 IN eAX,Ib
    E6 OUT Ib,AL
    E7 OUT Ib,eAX
    EA JMPFAR Ap ; i64
    EC IN AL,DX ; imm=256
    ED IN eAX,DX ; imm=256
    EE OUT DX,AL ; imm=256
    EF OUT DX,eAX ; imm=256
    F1 INT1
    F4 HLT
    FA CLI
    FB STI
    FF /3m CALLFARINDIRECT Mp
    FF /5m JMPFARINDIRECT Mp
    0F 00 /0 SLDT Ev
    0F 00 /1 STR Ev
    0F 00 /2 LLDT Ew
    0F 00 /3 LTR Ew
    0F 00 /4 VERR Ew
    0F 00 /5 VERW Ew
    0F 01 /0m SGDT M
    0F 01 /1m SIDT M
    0F 01 /2m LGDT M
    0F 01 /3m LIDT M
    0F 01 /4 SMSW Ev
    0F 01 /6 LMSW Ew
    0F 01 /7m INVLPG M
    0F 01 C8 MONITOR
    0F 01 C9 MWAIT
    0F 01 F8 SWAPGS ; o64
    0F 01 F9 RDTSCP
    0F 02 LAR Gv,Ew
    0F 03 LSL Gv,Ew
    0F 05 SYSCALL
    0F 06 CLTS
    0F 07 SYSRET
    0F 08 INVD
    0F 09 WBINVD
    0F 20 MOVFROMCR Rd,Cd
    0F 21 MOVFROMDR Rd,Dd
    0F 22 MOVTOCR Cd,Rd
    0F 23 MOVTODR Dd,Rd
    0F 30 WRMSR
    0F 31 RDTSC
    0F 32 RDMSR
    0F 33 RDPMC
    0F 34 SYSENTER
    0F 35 SYSEXIT
    0F A0 PUSHSREG FS ; d64 imm=4
    0F A1 POPSREG FS ; d64 imm=4
    0F A2 CPUID
    0F A8 PUSHSREG GS ; d64 imm=5
    0F A9 POPSREG GS ; d64 imm=5
    0F AA RSM
    0F B2 m LOADFARPOINTER Gv,Mp ; imm=2
    0F B4 m LOADFARPOINTER Gv,Mp ; imm=4
    0F B5 m LOADFARPOINTER Gv,Mp ; imm=5
    """
