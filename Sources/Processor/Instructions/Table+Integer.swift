/// Rows of the general-purpose instructions (SDM vol. 2, appendix A; the grammar is in InstructionForm).
let integerTable = """
    00 ADD Eb,Gb ; lock
    01 ADD Ev,Gv ; lock
    02 ADD Gb,Eb
    03 ADD Gv,Ev
    04 ADD AL,Ib
    05 ADD rAX,Iz
    08 OR Eb,Gb ; lock
    09 OR Ev,Gv ; lock
    0A OR Gb,Eb
    0B OR Gv,Ev
    0C OR AL,Ib
    0D OR rAX,Iz
    10 ADC Eb,Gb ; lock
    11 ADC Ev,Gv ; lock
    12 ADC Gb,Eb
    13 ADC Gv,Ev
    14 ADC AL,Ib
    15 ADC rAX,Iz
    18 SBB Eb,Gb ; lock
    19 SBB Ev,Gv ; lock
    1A SBB Gb,Eb
    1B SBB Gv,Ev
    1C SBB AL,Ib
    1D SBB rAX,Iz
    20 AND Eb,Gb ; lock
    21 AND Ev,Gv ; lock
    22 AND Gb,Eb
    23 AND Gv,Ev
    24 AND AL,Ib
    25 AND rAX,Iz
    27 DAA ; i64
    28 SUB Eb,Gb ; lock
    29 SUB Ev,Gv ; lock
    2A SUB Gb,Eb
    2B SUB Gv,Ev
    2C SUB AL,Ib
    2D SUB rAX,Iz
    2F DAS ; i64
    30 XOR Eb,Gb ; lock
    31 XOR Ev,Gv ; lock
    32 XOR Gb,Eb
    33 XOR Gv,Ev
    34 XOR AL,Ib
    35 XOR rAX,Iz
    37 AAA ; i64
    38 CMP Eb,Gb
    39 CMP Ev,Gv
    3A CMP Gb,Eb
    3B CMP Gv,Ev
    3C CMP AL,Ib
    3D CMP rAX,Iz
    3F AAS ; i64
    40+r INC Zv ; i64
    48+r DEC Zv ; i64
    50+r PUSH Zv ; d64
    58+r POP Zv ; d64
    60 PUSHA ; i64
    61 POPA ; i64
    63 MOVSXD Gv,Ed ; o64
    68 PUSHIMMEDIATE Iz ; d64
    69 IMULIMMEDIATE Gv,Ev,Iz
    6A PUSHIMMEDIATE Ib ; d64
    6B IMULIMMEDIATE Gv,Ev,Ib
    70+cc JCC Jb ; d64
    80 /0 ADD Eb,Ib ; lock
    80 /1 OR Eb,Ib ; lock
    80 /2 ADC Eb,Ib ; lock
    80 /3 SBB Eb,Ib ; lock
    80 /4 AND Eb,Ib ; lock
    80 /5 SUB Eb,Ib ; lock
    80 /6 XOR Eb,Ib ; lock
    80 /7 CMP Eb,Ib
    81 /0 ADD Ev,Iz ; lock
    81 /1 OR Ev,Iz ; lock
    81 /2 ADC Ev,Iz ; lock
    81 /3 SBB Ev,Iz ; lock
    81 /4 AND Ev,Iz ; lock
    81 /5 SUB Ev,Iz ; lock
    81 /6 XOR Ev,Iz ; lock
    81 /7 CMP Ev,Iz
    82 /0 ADD Eb,Ib ; i64 lock
    82 /1 OR Eb,Ib ; i64 lock
    82 /2 ADC Eb,Ib ; i64 lock
    82 /3 SBB Eb,Ib ; i64 lock
    82 /4 AND Eb,Ib ; i64 lock
    82 /5 SUB Eb,Ib ; i64 lock
    82 /6 XOR Eb,Ib ; i64 lock
    82 /7 CMP Eb,Ib ; i64
    83 /0 ADD Ev,Ib ; lock
    83 /1 OR Ev,Ib ; lock
    83 /2 ADC Ev,Ib ; lock
    83 /3 SBB Ev,Ib ; lock
    83 /4 AND Ev,Ib ; lock
    83 /5 SUB Ev,Ib ; lock
    83 /6 XOR Ev,Ib ; lock
    83 /7 CMP Ev,Ib
    84 TEST Eb,Gb
    85 TEST Ev,Gv
    86 XCHG Eb,Gb ; lock
    87 XCHG Ev,Gv ; lock
    88 MOV Eb,Gb
    89 MOV Ev,Gv
    8A MOV Gb,Eb
    8B MOV Gv,Ev
    8D LEA Gv,M
    8F /0 POP Ev ; d64
    90+r XCHG rAX,Zv
    98 CONVERTACCUMULATOR
    99 CONVERTDOUBLE
    9E SAHF
    9F LAHF
    A0 MOVOFFSETLOAD AL,Ob
    A1 MOVOFFSETLOAD rAX,Ov
    A2 MOVOFFSETSTORE Ob,AL
    A3 MOVOFFSETSTORE Ov,rAX
    A4 MOVS Yb,Xb
    A5 MOVS Yv,Xv
    A6 CMPS Xb,Yb
    A7 CMPS Xv,Yv
    A8 TEST AL,Ib
    A9 TEST rAX,Iz
    AA STOS Yb,AL
    AB STOS Yv,rAX
    AC LODS AL,Xb
    AD LODS rAX,Xv
    AE SCAS AL,Yb
    AF SCAS rAX,Yv
    B0+r MOVIMMEDIATE Zb,Ib
    B8+r MOVIMMEDIATE Zv,Iv
    C0 /0 ROL Eb,Ib
    C0 /1 ROR Eb,Ib
    C0 /2 RCL Eb,Ib
    C0 /3 RCR Eb,Ib
    C0 /4 SHL Eb,Ib
    C0 /5 SHR Eb,Ib
    C0 /6 SHL Eb,Ib
    C0 /7 SAR Eb,Ib
    C1 /0 ROL Ev,Ib
    C1 /1 ROR Ev,Ib
    C1 /2 RCL Ev,Ib
    C1 /3 RCR Ev,Ib
    C1 /4 SHL Ev,Ib
    C1 /5 SHR Ev,Ib
    C1 /6 SHL Ev,Ib
    C1 /7 SAR Ev,Ib
    C2 RETIMMEDIATE Iw ; d64
    C3 RET ; d64
    C6 /0 MOVIMMEDIATE Eb,Ib
    C7 /0 MOVIMMEDIATE Ev,Iz
    D0 /0 ROL Eb,1 ; imm=1
    D0 /1 ROR Eb,1 ; imm=1
    D0 /2 RCL Eb,1 ; imm=1
    D0 /3 RCR Eb,1 ; imm=1
    D0 /4 SHL Eb,1 ; imm=1
    D0 /5 SHR Eb,1 ; imm=1
    D0 /6 SHL Eb,1 ; imm=1
    D0 /7 SAR Eb,1 ; imm=1
    D1 /0 ROL Ev,1 ; imm=1
    D1 /1 ROR Ev,1 ; imm=1
    D1 /2 RCL Ev,1 ; imm=1
    D1 /3 RCR Ev,1 ; imm=1
    D1 /4 SHL Ev,1 ; imm=1
    D1 /5 SHR Ev,1 ; imm=1
    D1 /6 SHL Ev,1 ; imm=1
    D1 /7 SAR Ev,1 ; imm=1
    D2 /0 ROL Eb,CL ; imm=256
    D2 /1 ROR Eb,CL ; imm=256
    D2 /2 RCL Eb,CL ; imm=256
    D2 /3 RCR Eb,CL ; imm=256
    D2 /4 SHL Eb,CL ; imm=256
    D2 /5 SHR Eb,CL ; imm=256
    D2 /6 SHL Eb,CL ; imm=256
    D2 /7 SAR Eb,CL ; imm=256
    D3 /0 ROL Ev,CL ; imm=256
    D3 /1 ROR Ev,CL ; imm=256
    D3 /2 RCL Ev,CL ; imm=256
    D3 /3 RCR Ev,CL ; imm=256
    D3 /4 SHL Ev,CL ; imm=256
    D3 /5 SHR Ev,CL ; imm=256
    D3 /6 SHL Ev,CL ; imm=256
    D3 /7 SAR Ev,CL ; imm=256
    D4 AAM Ib ; i64
    D5 AAD Ib ; i64
    D6 SALC ; i64
    D7 XLAT
    E0 LOOPNE Jb ; d64
    E1 LOOPE Jb ; d64
    E2 LOOP Jb ; d64
    E3 JCXZ Jb ; d64
    E8 CALL Jz ; d64
    E9 JMP Jz ; d64
    EB JMP Jb ; d64
    F5 CMC
    F6 /0 TEST Eb,Ib
    F6 /1 TEST Eb,Ib
    F6 /2 NOT Eb ; lock
    F6 /3 NEG Eb ; lock
    F6 /4 MUL Eb
    F6 /5 IMULWIDE Eb
    F6 /6 DIV Eb
    F6 /7 IDIV Eb
    F7 /0 TEST Ev,Iz
    F7 /1 TEST Ev,Iz
    F7 /2 NOT Ev ; lock
    F7 /3 NEG Ev ; lock
    F7 /4 MUL Ev
    F7 /5 IMULWIDE Ev
    F7 /6 DIV Ev
    F7 /7 IDIV Ev
    F8 CLC
    F9 STC
    FC CLD
    FD STD
    FE /0 INC Eb ; lock
    FE /1 DEC Eb ; lock
    FF /0 INC Ev ; lock
    FF /1 DEC Ev ; lock
    FF /2 CALLINDIRECT Ev ; d64
    FF /4 JMPINDIRECT Ev ; d64
    FF /6 PUSH Ev ; d64
    0F 0B UNDEFINED
    0F 0D /0m PREFETCH Mb
    0F 0D /1m PREFETCH Mb
    0F 0D /2m PREFETCH Mb
    0F 0D /3m PREFETCH Mb
    0F 0D /4m PREFETCH Mb
    0F 0D /5m PREFETCH Mb
    0F 0D /6m PREFETCH Mb
    0F 0D /7m PREFETCH Mb
    0F 18 /0m PREFETCH Mb
    0F 18 /1m PREFETCH Mb
    0F 18 /2m PREFETCH Mb
    0F 18 /3m PREFETCH Mb
    0F 18 NOP Ev
    0F 19 NOP Ev
    0F 1A NOP Ev
    0F 1B NOP Ev
    0F 1C NOP Ev
    0F 1D NOP Ev
    0F 1E NOP Ev
    0F 1F NOP Ev
    0F 40+cc CMOV Gv,Ev
    0F 80+cc JCC Jz ; d64
    0F 90+cc SETCC Eb
    0F A3 BT Ev,Gv ; imm=256
    0F A4 SHLD Ev,Gv,Ib
    0F A5 SHLD Ev,Gv,CL ; imm=256
    0F AB BTS Ev,Gv ; lock imm=256
    0F AC SHRD Ev,Gv,Ib
    0F AD SHRD Ev,Gv,CL ; imm=256
    NP 0F AE /5r LFENCE
    NP 0F AE /6r MFENCE
    NP 0F AE /7r SFENCE
    NP 0F AE /7m CLFLUSH Mb
    0F AF IMUL Gv,Ev
    0F B0 CMPXCHG Eb,Gb ; lock
    0F B1 CMPXCHG Ev,Gv ; lock
    0F B3 BTR Ev,Gv ; lock imm=256
    0F B6 MOVZX Gv,Eb ; imm=0
    0F B7 MOVZX Gv,Ew ; imm=1
    F3 0F B8 POPCNT Gv,Ev
    0F B9 UNDEFINED Gv,Ev
    0F BA /4 BT Ev,Ib
    0F BA /5 BTS Ev,Ib ; lock
    0F BA /6 BTR Ev,Ib ; lock
    0F BA /7 BTC Ev,Ib ; lock
    0F BB BTC Ev,Gv ; lock imm=256
    0F BC BSF Gv,Ev
    0F BD BSR Gv,Ev
    0F BE MOVSX Gv,Eb ; imm=0
    0F BF MOVSX Gv,Ew ; imm=1
    0F C0 XADD Eb,Gb ; lock
    0F C1 XADD Ev,Gv ; lock
    NP 0F C3 MOVNTI My,Gy
    0F C7 /1m CMPXCHG8B Mq ; lock
    0F C8+r BSWAP Zv
    0F FF UNDEFINED Gv,Ev
    """
