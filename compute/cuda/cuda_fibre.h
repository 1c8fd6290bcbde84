// Stacks between which one thread switches by itself.
#pragma once
#include <stddef.h>

#ifdef __x86_64__
#define FIBRE_REGISTERS // switched by hand
#else
#include <ucontext.h>
#endif

struct fibre {
#ifdef FIBRE_REGISTERS
    void *stack_pointer; // while it does not run
#else
    ucontext_t context;
#endif
    unsigned char *stack; // lowest address
    size_t stack_bytes;
    void *fake_stack; // the sanitizers'
};

// The fibre of the thread's own stack, which is running.
void fibre_adopt(struct fibre *out);
// Makes a fibre with a stack of its own, above a page that faults. The first switch to it calls
// body, which never returns. Aborts when there is no memory.
void fibre_make(struct fibre *out, void (*body)(void));
void fibre_release(struct fibre *fibre); // of fibre_make
// `from` runs now; returns when somebody switches to it again.
void fibre_switch(struct fibre *from, struct fibre *to);
