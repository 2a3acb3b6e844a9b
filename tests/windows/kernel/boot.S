/* From the loader's 32-bit mode to 64 bits, with the FPU off: what a kernel's early code does.
   SPDX-License-Identifier: MIT OR Apache-2.0 */

    .text
    .code32
    .globl start
start:
    jmp 1f

    /* Multiboot: a flat image, loaded as it is linked. */
    .balign 4
header:
    .long 0x1BADB002
    .long 0x00010000
    .long -(0x1BADB002 + 0x00010000)
    .long header
    .long start
    .long 0 /* to the end of the file */
    .long image_end
    .long start

1:  cli
    cld
    movl $stack_end, %esp
    /* the first gigabyte where it is, in pages of 2 MiB */
    movl $table_2, %edi
    movl $0x83, %eax
    movl $512, %ecx
2:  movl %eax, (%edi)
    movl $0, 4(%edi)
    addl $0x200000, %eax
    addl $8, %edi
    loop 2b
    movl $table_2 + 3, table_3
    movl $table_3 + 3, table_4
    movl $table_4, %eax
    movl %eax, %cr3
    movl %cr4, %eax
    orl $0x20, %eax /* PAE; OSFXSR stays 0 */
    andl $~0x600, %eax
    movl %eax, %cr4
    movl $0xC0000080, %ecx
    rdmsr
    orl $0x100, %eax /* long mode */
    wrmsr
    movl %cr0, %eax
    orl $0x8000000D, %eax /* paging; EM and TS: every FPU and SIMD instruction traps */
    andl $~2, %eax
    movl %eax, %cr0
    lgdt gdt_pointer
    ljmp $8, $3f

    .code64
3:  xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movq $stack_end, %rsp
    subq $32, %rsp
    call kernel
4:  cli
    hlt
    jmp 4b

    /* Each exception goes to `trap` with its number; those with an error code drop it. The frame is left as the processor made it. */
    .macro exception number, code
exception_\number:
    .if \code
    addq $8, %rsp
    .endif
    movl $\number, trap_number
    movq (%rsp), %rcx
    movq %rcx, trap_address
    jmp trapped
    .endm
    .irp n, 0,1,2,3,4,5,6,7,9,15,16,18,19,20
    exception \n, 0
    .endr
    .irp n, 8,10,11,12,13,14,17
    exception \n, 1
    .endr

trapped:
    /* an expected trap goes on behind the instruction that caused it */
    movq trap_resume, %rcx
    testq %rcx, %rcx
    jz 5f
    movq %rcx, (%rsp)
    movq $0, trap_resume
    iretq
5:  andq $-16, %rsp
    subq $32, %rsp
    call unexpected_trap
    jmp 4b

    .globl timer_entry
timer_entry:
    .irp r, rax,rcx,rdx,rbx,rbp,rsi,rdi,r8,r9,r10,r11,r12,r13,r14,r15
    pushq %\r
    .endr
    movq %rsp, %rbp
    andq $-16, %rsp
    subq $32, %rsp
    call timer
    movq %rbp, %rsp
    .irp r, r15,r14,r13,r12,r11,r10,r9,r8,rdi,rsi,rbp,rbx,rdx,rcx,rax
    popq %\r
    .endr
    iretq

    /* void try_sse(void), void try_x87(void): come back when the instruction trapped, or when it did not */
    .globl try_sse
try_sse:
    leaq 6f(%rip), %rax
    movq %rax, trap_resume
    movaps %xmm0, %xmm1
6:  ret
    .globl try_x87
try_x87:
    leaq 7f(%rip), %rax
    movq %rax, trap_resume
    fld1
7:  ret

    .data
    .balign 8
    .globl exceptions
exceptions: /* address of each, 0: none */
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20
    .quad exception_\n
    .endr
gdt:
    .quad 0
    .quad 0x00209A0000000000 /* code, 64 bits */
gdt_pointer:
    .word 15
    .long gdt
    .balign 8
    .globl trap_number
trap_number: .long 0
    .balign 8
    .globl trap_address
trap_address: .quad 0
    .globl trap_resume
trap_resume: .quad 0

    .bss
    .balign 4096
table_4: .skip 4096
table_3: .skip 4096
table_2: .skip 4096
stack: .skip 16384
stack_end:
