"""The stub: a program of some 300 bytes, which every recorded path of a live replay is.

It runs a tape (tape.py): it maps the file that it inherits as descriptor 63, finds its place in it
by the first variable of its environment, and makes one system call after the other. What these are
is decided in Python before anything starts; the stub itself has no other code.

The bytes below are these listings, assembled; a test assembles them again where there is `as`.
"""

import struct

FD = 63  # the last one that needs no larger table of descriptors
BASE = 0x10_0000_0000
SIZE = 0xFFFF_F000  # bytes, of the mapping
MARK = b"EXECDB_REPLAY"  # the environment's one variable

LISTINGS = {
    "x86_64": """
.intel_syntax noprefix
_start:
    mov  rcx, [rsp]              # argc
    mov  rsi, [rsp+rcx*8+16]     # envp[0], EXECDB_REPLAY=<entry>
name:
    lodsb
    cmp  al, '='
    jne  name
    xor  ebx, ebx
digit:
    lodsb
    sub  al, '0'
    js   map                     # NUL
    movzx eax, al
    imul rbx, rbx, 10
    add  rbx, rax
    jmp  digit
map:
    shl  rbx, 6
    mov  eax, 9                  # mmap
    movabs rdi, 0x1000000000
    add  rbx, rdi
    mov  esi, 0xfffff000         # length
    mov  edx, 3                  # read, write
    mov  r10d, 0x11              # shared, fixed
    mov  r8d, 63                 # fd
    xor  r9d, r9d
    syscall
next:
    mov  rax, [rbx]
    mov  rdi, [rbx+8]
    mov  rsi, [rbx+16]
    mov  rdx, [rbx+24]
    mov  r10, [rbx+32]
    mov  r8,  [rbx+40]
    mov  r9,  [rbx+48]
    mov  rbp, [rbx+56]
    syscall
    mov  [rbx], rax
    add  rbx, 64
    test rax, rax
    jnz  next
    test rbp, rbp
    cmovnz rbx, rbp              # a child of clone continues elsewhere
    jmp  next
""",
    "aarch64": """
_start:
    ldr  x1, [sp]                // argc
    add  x1, x1, #2
    ldr  x1, [sp, x1, lsl #3]    // envp[0], EXECDB_REPLAY=<entry>
name:
    ldrb w2, [x1], #1
    cmp  w2, #'='
    b.ne name
    mov  x19, #0
    mov  x3, #10
digit:
    ldrb w2, [x1], #1
    subs w2, w2, #'0'
    b.mi map                     // NUL
    madd x19, x19, x3, x2
    b    digit
map:
    mov  x0, #0x1000000000
    add  x19, x0, x19, lsl #6
    ldr  w1, length
    mov  x2, #3                  // read, write
    mov  x3, #0x11               // shared, fixed
    mov  x4, #63                 // fd
    mov  x5, #0
    mov  x8, #222                // mmap
    svc  #0
next:
    ldp  x8, x0, [x19]
    ldp  x1, x2, [x19, #16]
    ldp  x3, x4, [x19, #32]
    ldp  x5, x20, [x19, #48]
    svc  #0
    str  x0, [x19], #64
    cbnz x0, next
    cmp  x20, #0
    csel x19, x20, x19, ne       // a child of clone continues elsewhere
    b    next
length:
    .word 0xfffff000
""",
}

_CODE = {
    "x86_64": (
        62,  # EM_X86_64
        "488b0c24488b74cc10ac3c3d75fb31dbac2c30780c0fb6c0486bdb0a4801c3ebef48c1e306b80900000048bf"
        "00000000100000004801fbbe00f0ffffba0300000041ba1100000041b83f0000004531c90f05488b03488b7b"
        "08488b7310488b53184c8b53204c8b43284c8b4b30488b6b380f054889034883c3404885c075d34885ed480f"
        "45ddebca",
    ),
    "aarch64": (
        183,  # EM_AARCH64
        "e10340f921080091e17b61f8221440385ff40071c1ffff54130080d2430180d22214403842c00071640000"
        "54730a039bfcffff170002c0d21318138b21020018620080d2230280d2e40780d2050080d2c81b80d2010000"
        "d4680240a9610a41a9631242a9655243a9010000d4600604f840ffffb59f0200f19312939af7ffff1700f0ffff",
    ),
}

_LOAD_AT = 0x400000
_PT_LOAD, _PT_GNU_STACK = 1, 0x6474E551


def code_of(machine: str) -> bytes:
    """The machine code, from its first byte on."""
    return bytes.fromhex(_CODE[machine][1])


def stub_for(machine: str) -> bytes:
    """A static ELF program for an architecture, by its name in uname(2). elf(5)."""
    number, _ = _CODE[machine]
    code = code_of(machine)
    head = 64 + 2 * 56
    size = head + len(code)
    elf = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01", 2, number, 1, _LOAD_AT + head, 64, 0, 0, 64, 56, 2, 0, 0, 0,
    )  # fmt: skip
    load = struct.pack("<IIQQQQQQ", _PT_LOAD, 5, 0, _LOAD_AT, _LOAD_AT, size, size, 0x10000)
    stack = struct.pack("<IIQQQQQQ", _PT_GNU_STACK, 6, 0, 0, 0, 0, 0, 16)
    return elf + load + stack + code
