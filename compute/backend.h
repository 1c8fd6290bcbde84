// One interface for every place that can compute. A backend turns a `struct op` into a `struct
// kernel` once (choosing primitives, sizing scratch) and runs it many times; a run allocates
// nothing. Addresses from alloc() belong to the backend: only its own calls may look behind them.
//
// A backend has one queue. Kernels, packing, unpacking, copies and zeroing are done in the order in
// which they are given, by one thread at a time or inside parallel(), and may be done later: what
// the host reads is there when download() says so or after sync(). A backend that computes on the
// host's processor does all at once.
#pragma once
#include "compute/op.h"
#include "core/status.h"

struct kernel_entry; // kernel_cache.h
struct backend;      // each backend's own struct begins with `struct backend base`

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
    struct kernel_entry *entry; // of the backend's cache; NULL: who opened it closes it
    // pack leaves something in the kernel, not only in `packed`: it serves one set of weights, and
    // kernel_open gives each who asks one of its own.
    bool keeps_weights;
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
    // `weights`; bias is NULL. NULL for other kinds. lane: as in args; the same kernel may pack on
    // other lanes meanwhile, unless it keeps_weights. Can fail for int8 alone: ERR_MEMORY where
    // oneDNN's code found no room.
    enum status (*pack)(struct kernel *kernel, const float *weights, const float *bias,
                        const struct op_quantization *quantization, void *packed, int lane);
    // CONV_BACKWARD_WEIGHTS, LSTM_BACKWARD: writes a partial's weight and bias gradients as pack
    // reads them. lane: as in pack. NULL for other kinds.
    void (*unpack)(struct kernel *kernel, const void *partial, float *weights, float *bias,
                   int lane);
    void (*close)(struct kernel *kernel);
};

// What products of convolutions are computed in; sums are always float32.
enum backend_precision { PRECISION_FLOAT32, PRECISION_TF32, PRECISION_BF16, PRECISION_COUNT };
extern const char *const backend_precision_names[]; // "float32" ..., NULL behind the last

struct backend_options {
    int threads; // lanes; 0 = one per usable core
    bool check;  // ref only: private, NaN-filled memory (address faults when the host touches it)
    int device;  // of several, which; -1: number `turn` modulo how many there are
    int turn;    // this process's number among those of its host that share its devices
    enum backend_precision precision; // other than float32: where the backend has precisions
    bool profile; // cuda only: times each kernel by itself, and logs the times when it closes
};

#define BACKEND_MOST_DEVICES 16

// What a backend says of itself on this machine without being opened.
struct backend_facts {
    // What the bits of its results depend on, besides the build: device model, library versions,
    // instructions. "oneDNN 2.6.0 avx512_core_vnni, own kernels avx512_vnni".
    char numerics[160];
    char library[64];    // name and version of what it stands on, for people; "" for none
    bool int8;           // CONV with u8 or s8 input is fast here
    int device;          // the one that these options choose; 0 where there is no choice
    int n_devices;       // 0: it computes on the host's processor
    size_t memory_bytes; // of that device; 0: the host's
    char devices[BACKEND_MOST_DEVICES][96]; // "NVIDIA H100 80GB HBM3, 79.6 GiB"
};

struct recording; // a backend's own
struct candidate_ops;

struct backend_ops {
    const char *name;
    // It computes on a device of its own. A process that has opened or asked it can start no other
    // processes by fork any more, so backend_ask does it in a child.
    bool device;
    bool precisions; // it can compute in others than float32
    // Fills facts. ERR_UNSUPPORTED says why it cannot be used here and what to do; devices that are
    // there but of no use are listed all the same. Can be called at any time.
    enum status (*ask)(const struct backend_options *options, struct backend_facts *facts);
    enum status (*open)(const struct backend_options *options, struct backend **out);
    void (*close)(struct backend *backend);
    enum status (*alloc)(struct backend *backend, size_t bytes,
                         void **out);                        // 64-byte aligned; set-up only
    void (*release)(struct backend *backend, void *address); // waits for the queue
    // Memory of the host that copies are fast from and to, and need not be waited for: 64-byte
    // aligned; set-up only.
    enum status (*alloc_pinned)(struct backend *backend, size_t bytes, void **out);
    void (*release_pinned)(struct backend *backend, void *address); // waits for the queue
    // From pinned memory the copy may be made later: that must stay as it is until sync, download
    // to other memory, or a release. Other memory may change as soon as upload returns.
    void (*upload)(struct backend *backend, void *to, const void *from_host, size_t bytes);
    // Into pinned memory the copy may be made later, and is there after sync. Into other memory it
    // is there on return, with all that was given before done. The status is as sync's.
    enum status (*download)(struct backend *backend, void *to_host, const void *from, size_t bytes);
    void (*zero)(struct backend *backend, void *address, size_t bytes);
    // Waits for all work given so far. ERR_IO: the device failed, in this work or before; nothing
    // that it was to compute is to be trusted, and it stays failed.
    enum status (*sync)(struct backend *backend);
    // Calls body(context, index, lane) for index 0 .. n-1, each once, on `lanes` callers; returns
    // when all are done. With one lane they come in order.
    void (*parallel)(struct backend *backend, int n,
                     void (*body)(void *context, int index, int lane), void *context);
    // Work that comes again and again with the same kernels, shapes and addresses, as one thing.
    // record: what body gives to the queue (kernels and zeroing, at these addresses) is noted, not
    // done. body calls neither alloc, copies nor sync. replay gives it to the queue, any number of
    // times: values that changed meanwhile are data in the backend's memory. ERR_UNSUPPORTED: this
    // work cannot be recorded, run it. All three NULL: running it is as good.
    enum status (*record)(struct backend *backend, void (*body)(void *context), void *context,
                          struct recording **out);
    void (*replay)(struct backend *backend, struct recording *recording);
    void (*forget)(struct backend *backend, struct recording *recording); // waits for the queue
    // Scores many pruned networks at once (candidate_batch.h). NULL: they are scored one by one.
    const struct candidate_ops *candidates;
    const struct kernel_ops *kernels[OP_COUNT]; // complete: no entry is NULL
};

struct kernel_cache;

struct backend {
    const struct backend_ops *ops;
    struct kernel_cache *cache; // backend_open's
    int lanes;           // concurrent callers, 1 for a device that parallelises inside a call
    bool host_memory;    // addresses are ordinary memory, so plans may read and write them in place
    bool int8;           // CONV with u8 or s8 input is fast here
    size_t device_bytes; // memory of its device, in all; 0: the host's
    int chunk_bytes; // a chunk whose largest tensor is about this size runs fastest; 0 = never cut
                     // a batch
};

// name: "ref", "cpu", where the build has it "cuda". ERR_UNSUPPORTED names what this build has.
enum status backend_open(const char *name, const struct backend_options *options,
                         struct backend **out);
void backend_close(struct backend *backend); // NULL is fine

// One more backend, which backend_open finds by its name and no message names: for tests.
void backend_offer(const struct backend_ops *ops);

// The backends of this build in order; NULL behind the last.
const struct backend_ops *backend_at(int index);
// ops->ask of the named backend, in a child process where it must be. Status as ask's, or
// backend_open's for a name.
enum status backend_ask(const char *name, const struct backend_options *options,
                        struct backend_facts *facts);
// The best backend there is, as one of this build's names: the first with a device that can be
// used, else "cpu". why: for people, what was found or what it lacks; empty where there was nothing
// to choose.
const char *backend_best(const struct backend_options *options, char *why, size_t bytes);

// Checks that the op's shapes fit together, then asks the backend. *out is closed with
// kernel_close, before the backend. Kernels of equal ops are one, opened once and kept until the
// backend closes, unless they keep weights.
enum status kernel_open(struct backend *backend, const struct op *op, struct kernel **out);
void kernel_close(struct kernel *kernel); // NULL is fine
