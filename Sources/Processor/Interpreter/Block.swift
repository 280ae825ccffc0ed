import CHost

/// A run of decoded instructions, in the arena of a `BlockCache`:
///
///     Block (96 bytes) │ header uop │ uop │ uop │ … │ terminator │ links │ exit 0 │ exit 1
///
/// The header uop counts the block's instructions against the slice; its last eight bytes hold the block's RIP, `rip_offset` the number
/// of instructions. A terminator with two ways out (a Jcc) or one is followed by a slot of links: the header uops its ways lead to, at
/// first the exit uops behind the slot, which find the target, patch the link and go on. Every uop reaches what it needs by its own
/// address, so that nothing else is stored on the way from block to block.
struct Block {
    var rip: UInt64
    /// RIP ^ context_key.
    var key: UInt64
    /// Physical address of the first byte.
    var physical: UInt64
    /// Physical page of the part behind the page boundary (one-instruction blocks only); `none`: there is none.
    var secondPage: UInt64
    var codeBase: UInt64
    var codeLimit: UInt32
    var count: UInt32
    /// Bytes of code.
    var length: UInt32
    var isAlive: UInt32
    var nextInBucket: UnsafeMutablePointer<Block>?
    var nextInPage: UnsafeMutablePointer<Block>?
    /// Links that were patched to this block: a chain through `BlockLinks.next`.
    var incoming: UnsafeMutablePointer<UInt64>?
    /// Where its native code is executed; 0: there is none.
    var native: UInt64 = 0
    /// Native jumps that were patched to it: a chain through `NativeLink.next`. The size is a whole number of uop slots: the interpreter's
    /// links find their slot by its alignment.
    var nativeIncoming: UnsafeMutablePointer<NativeLink>?

    static let none: UInt64 = ~0
    static let nativeOffset = MemoryLayout<Block>.offset(of: \Block.native) ?? 0
}

extension UnsafeMutablePointer<Block> {
    /// The block's header micro-op.
    @inline(__always) var header: UnsafeMutablePointer<lv_uop> {
        (UnsafeMutableRawPointer(self) + MemoryLayout<Block>.stride).assumingMemoryBound(to: lv_uop.self)
    }
}

extension UnsafePointer<lv_uop> {
    /// The block of a header micro-op.
    @inline(__always) var block: UnsafeMutablePointer<Block> {
        UnsafeMutableRawPointer(mutating: UnsafeRawPointer(self) - MemoryLayout<Block>.stride).assumingMemoryBound(to: Block.self)
    }
    /// The RIP in the last eight bytes of a header or exit micro-op.
    @inline(__always) var target: UInt64 { UnsafeRawPointer(self).load(fromByteOffset: 24, as: UInt64.self) }
    /// A link of the slot at this address: 0 taken, 1 not taken.
    @inline(__always) func link(_ number: Int) -> UOp {
        // Safety: links always hold the address of a header or exit uop (BlockCache writes them).
        UOp(bitPattern: UInt(UnsafeRawPointer(self).load(fromByteOffset: number &* 8, as: UInt64.self))).unsafelyUnwrapped
    }
}

/// Bits of the context in `context_key` (bits 56–63): blocks decoded under one are not used under another.
enum BlockContext {
    /// Bits 0–1: code mode. CPL 3.
    static let user: UInt64 = 4
    /// One instruction per block, by the general routines only.
    static let single: UInt64 = 8
    /// Alignment checks are on: every access by the general routines.
    static let checked: UInt64 = 16
}
