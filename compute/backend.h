// One interface for every place that can compute. A backend turns a `struct op` into a `struct
// kernel` once (choosing primitives, sizing scratch) and runs it many times; a run allocates
// nothing. Addresses from alloc() belong to the backend: only its own calls may look behind them.
#pragma once
#include "compute/op.h"
#include "core/status.h"

struct backend; // each backend's own struct begins with `struct backend base`

struct kernel {
    const struct kernel_ops *ops;
    struct backend *backend; // borrowed
    struct op op;
    size_t packed_bytes;  // CONV, CONV_BACKWARD_DATA, LSTM, LSTM_BACKWARD: packed weights
    size_t partial_bytes; // CONV_BACKWARD_WEIGHTS, LSTM_BACKWARD: one weight-gradient partial
    size_t scratch_bytes; // per lane
    // CONV, CONV_BACKWARD_DATA, CONV_BACKWARD_WEIGHTS: kernels of other shapes with the same number
    // here, not 0, pack the same weights into the same bytes and lay partials out alike.
    uint64_t packing;
    int pieces; // kernel_cut.h: one call is so many runs, args.piece each; 0: it is one
};

// Everything an op kind needs. One table per kind and backend, at the end of the file that
// implements it.
struct kernel_ops {
    // Makes *out for this op. ERR_UNSUPPORTED when the backend cannot (int8 without VNNI, say).
    enum status (*open)(struct backend *backend, const struct op *op, struct kernel **out);
    // Runs one call. Kernels may run at once on different lanes. Cannot fail.
    void (*run)(struct kernel *kernel, const struct op_args *args);
    // CONV, CONV_BACKWARD_DATA: weights f32 OIHW [out_c][in_c/groups][kh][kw] and bias f32 [out_c]
    // (NULL without op.bias), both in the backend's memory, into `packed`. quantization: NULL for
    // f32. LSTM, LSTM_BACKWARD: w_ih [4H][in], w_hh [4H][H], b [4H] one after the other at
    // `weights`; bias is NULL. NULL for other kinds.
    void (*pack)(struct kernel *kernel, const float *weights, const float *bias,
                 const struct op_quantization *quantization, void *packed);
    // CONV_BACKWARD_WEIGHTS, LSTM_BACKWARD: writes a partial's weight and bias gradients as pack
    // reads them. One kernel's are not unpacked at once; different kernels' may. NULL for other
    // kinds.
    void (*unpack)(struct kernel *kernel, const void *partial, float *weights, float *bias);
    void (*close)(struct kernel *kernel);
};

struct backend_options {
    int threads; // lanes; 0 = one per usable core
    bool check;  // ref only: private, NaN-filled memory (address faults when the host touches it)
};

struct backend_ops {
    const char *name;
    enum status (*open)(const struct backend_options *options, struct backend **out);
    void (*close)(struct backend *backend);
    enum status (*alloc)(struct backend *backend, size_t bytes,
                         void **out); // 64-byte aligned; set-up only
    void (*release)(struct backend *backend, void *address);
    void (*upload)(struct backend *backend, void *to, const void *from_host, size_t bytes);
    void (*download)(struct backend *backend, void *to_host, const void *from, size_t bytes);
    void (*zero)(struct backend *backend, void *address, size_t bytes);
    void (*sync)(struct backend *backend); // waits for all work given so far
    // Calls body(context, index, lane) for index 0 .. n-1, each once, on `lanes` callers; returns
    // when all are done.
    void (*parallel)(struct backend *backend, int n,
                     void (*body)(void *context, int index, int lane), void *context);
    const struct kernel_ops *kernels[OP_COUNT]; // complete: no entry is NULL
};

struct backend {
    const struct backend_ops *ops;
    int lanes;        // concurrent callers, 1 for a device that parallelises inside a call
    bool host_memory; // addresses are ordinary memory, so plans may read and write them in place
    bool int8;        // CONV with u8 or s8 input is fast here
    int chunk_bytes;  // a chunk whose largest tensor is about this size runs fastest; 0 = never cut
                      // a batch
};

// name: "ref", "cpu" (later "cuda"). ERR_UNSUPPORTED names what this build has.
enum status backend_open(const char *name, const struct backend_options *options,
                         struct backend **out);
void backend_close(struct backend *backend); // NULL is fine

// Checks that the op's shapes fit together, then asks the backend. *out is closed with
// kernel_close.
enum status kernel_open(struct backend *backend, const struct op *op, struct kernel **out);
void kernel_close(struct kernel *kernel); // NULL is fine

// The processor's vector abilities, as the cpu backend sees them.
bool backend_cpu_has_vnni(void);

// The version of oneDNN that the cpu backend runs on, "2.6.0", into out.
void backend_cpu_onednn(char *out, size_t bytes);
