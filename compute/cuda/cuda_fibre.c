// Switching stacks: the registers a call must keep are pushed, the stack pointers exchanged.
#include "compute/cuda/cuda_fibre.h"

#include "core/status.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef __SANITIZE_ADDRESS__
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#endif

#ifndef __SANITIZE_THREAD__
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif
#endif

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
enum { STACK_BYTES = 256 * 1024 }; // its red zones need room

static void leave(struct fibre *from, struct fibre *to)
{
    __sanitizer_start_switch_fiber(&from->fake_stack, to->stack, to->stack_bytes);
}

static void arrive(struct fibre *here)
{
    __sanitizer_finish_switch_fiber(here != NULL ? here->fake_stack : NULL, NULL, NULL);
}
#elif defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
enum { STACK_BYTES = 256 * 1024 };

// fake_stack: ThreadSanitizer's fibre, made when it is first needed.
static void leave(struct fibre *from, struct fibre *to)
{
    from->fake_stack = from->fake_stack != NULL ? from->fake_stack : __tsan_get_current_fiber();
    to->fake_stack = to->fake_stack != NULL ? to->fake_stack : __tsan_create_fiber(0);
    __tsan_switch_to_fiber(to->fake_stack, 0);
}

static void arrive(struct fibre *here)
{
    (void)here;
}
#else
enum { STACK_BYTES = 64 * 1024 };

static void leave(struct fibre *from, struct fibre *to)
{
    (void)from;
    (void)to;
}

static void arrive(struct fibre *here)
{
    (void)here;
}
#endif

#ifdef FIBRE_REGISTERS
void fibre_exchange(void **from, void *to);
void fibre_enter(void);

// fibre_exchange(rdi: where to leave this stack pointer, rsi: the other). A new stack holds the
// body in the place of rbx and returns into fibre_begin.
__asm__(".text\n"
        ".globl fibre_exchange\n"
        ".type fibre_exchange, @function\n"
        "fibre_exchange:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size fibre_exchange, .-fibre_exchange\n"
        ".globl fibre_enter\n"
        ".type fibre_enter, @function\n"
        "fibre_enter:\n"
        "    movq %rbx, %rdi\n"
        "    call fibre_begin\n"
        ".size fibre_enter, .-fibre_enter\n");

void fibre_begin(void (*body)(void));
void fibre_begin(void (*body)(void))
{
    arrive(NULL);
    body();
    CHECK(false);
}

static void prepare(struct fibre *fibre, void (*body)(void))
{
    uintptr_t *top = (uintptr_t *)(void *)(fibre->stack + fibre->stack_bytes) - 2;
    *--top = (uintptr_t)fibre_enter; // 16-byte aligned stack at its call
    *--top = 0;                      // rbp
    *--top = (uintptr_t)body;        // rbx
    for (int i = 0; i < 4; i++) {
        *--top = 0;
    }
    fibre->stack_pointer = top;
}

void fibre_switch(struct fibre *from, struct fibre *to)
{
    leave(from, to);
    fibre_exchange(&from->stack_pointer, to->stack_pointer);
    arrive(from);
}
#else
// Elsewhere by the C library, whose switch asks the system for the signal mask each time: slower.
static _Thread_local void (*first_call)(void); // of the fibre that begins

static void begin(void)
{
    arrive(NULL);
    first_call();
    CHECK(false);
}

static void prepare(struct fibre *fibre, void (*body)(void))
{
    CHECK(getcontext(&fibre->context) == 0);
    fibre->context.uc_stack.ss_sp = fibre->stack;
    fibre->context.uc_stack.ss_size = fibre->stack_bytes;
    first_call = body;
    makecontext(&fibre->context, begin, 0);
}

void fibre_switch(struct fibre *from, struct fibre *to)
{
    leave(from, to);
    CHECK(swapcontext(&from->context, &to->context) == 0);
    arrive(from);
}
#endif

void fibre_adopt(struct fibre *out)
{
    pthread_attr_t attributes;
    void *stack = NULL;
    *out = (struct fibre){0};
    CHECK(pthread_getattr_np(pthread_self(), &attributes) == 0);
    CHECK(pthread_attr_getstack(&attributes, &stack, &out->stack_bytes) == 0);
    pthread_attr_destroy(&attributes);
    out->stack = stack;
}

void fibre_make(struct fibre *out, void (*body)(void))
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *memory = mmap(NULL, STACK_BYTES + page, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(memory != MAP_FAILED && mprotect(memory, page, PROT_NONE) == 0);
    *out = (struct fibre){.stack = memory + page, .stack_bytes = STACK_BYTES};
    prepare(out, body);
}

void fibre_release(struct fibre *fibre)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    munmap(fibre->stack - page, STACK_BYTES + page);
    *fibre = (struct fibre){0};
}
