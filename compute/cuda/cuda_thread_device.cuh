// cuda_thread.h for nvcc: one line of CUDA each.
#pragma once
#define _Noreturn [[noreturn]]

#define DEVICE static __device__ __forceinline__
#define UNROLL _Pragma("unroll")
#define ROLLED _Pragma("unroll 1")

// extern "C": the host finds a kernel's handle by its name.
#define DEVICE_KERNEL(name, type, ...)                                                             \
    static __device__ __forceinline__ void name##_body(const type *a);                             \
    extern "C" __global__ void __launch_bounds__(__VA_ARGS__)                                      \
        cuda_device_##name(const __grid_constant__ type a);                                        \
    extern "C" __global__ void __launch_bounds__(__VA_ARGS__)                                      \
        cuda_device_##name(const __grid_constant__ type a)                                         \
    {                                                                                              \
        name##_body(&a);                                                                           \
    }                                                                                              \
    static __device__ __forceinline__ void name##_body(const type *a)
#define PLAIN_KERNEL(name, type, threads) DEVICE_KERNEL(name, type, threads)
#define BLOCK_KERNEL(name, type, threads) DEVICE_KERNEL(name, type, threads)
#define DENSE_KERNEL(name, type, threads, blocks) DEVICE_KERNEL(name, type, threads, blocks)

DEVICE int thread_id()
{
    return (int)threadIdx.x;
}

DEVICE int thread_count()
{
    return (int)blockDim.x;
}

DEVICE int block_x()
{
    return (int)blockIdx.x;
}

DEVICE int block_y()
{
    return (int)blockIdx.y;
}

DEVICE int block_z()
{
    return (int)blockIdx.z;
}

DEVICE int grid_x()
{
    return (int)gridDim.x;
}

DEVICE int grid_y()
{
    return (int)gridDim.y;
}

DEVICE int grid_z()
{
    return (int)gridDim.z;
}

extern __shared__ __align__(128) unsigned char cuda_shared_bytes[];

DEVICE unsigned char *shared_memory()
{
    return cuda_shared_bytes;
}

DEVICE void block_sync()
{
    __syncthreads();
}

DEVICE void warp_sync()
{
    __syncwarp();
}

DEVICE float warp_xor_f32(float value, int mask)
{
    return __shfl_xor_sync(0xffffffffU, value, mask);
}

DEVICE double warp_xor_f64(double value, int mask)
{
    return __shfl_xor_sync(0xffffffffU, value, mask);
}

DEVICE int warp_xor_i32(int value, int mask)
{
    return __shfl_xor_sync(0xffffffffU, value, mask);
}

DEVICE float warp_from_f32(float value, int lane)
{
    return __shfl_sync(0xffffffffU, value, lane);
}

DEVICE double warp_from_f64(double value, int lane)
{
    return __shfl_sync(0xffffffffU, value, lane);
}

DEVICE int warp_from_i32(int value, int lane)
{
    return __shfl_sync(0xffffffffU, value, lane);
}

DEVICE uint32_t warp_ballot(int condition)
{
    return __ballot_sync(0xffffffffU, condition);
}

DEVICE int atomic_add_i32(int *at, int value)
{
    return atomicAdd(at, value);
}

DEVICE float max_f32(float a, float b)
{
    float greater;
    asm("max.NaN.f32 %0, %1, %2;" : "=f"(greater) : "f"(a), "f"(b));
    return greater;
}

DEVICE uint32_t bf16_pack(float low, float high)
{
    uint32_t pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
    return pair;
}

DEVICE uint32_t tf32_round(float value)
{
    uint32_t bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
    return bits;
}

DEVICE void mma_bf16(float c[4], const uint32_t a[4], const uint32_t b[2])
{
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

DEVICE void mma_tf32(float c[4], const uint32_t a[4], const uint32_t b[2])
{
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
        "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

DEVICE uint32_t shared_address(const void *at)
{
    return (uint32_t)__cvta_generic_to_shared(at);
}

DEVICE void load_matrix_x4(uint32_t r[4], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row))
                 : "memory");
}

DEVICE void load_matrix_x4_transposed(uint32_t r[4], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row))
                 : "memory");
}

DEVICE void copy_async_16(void *shared, const void *global, int valid)
{
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)),
                 "l"(global), "r"(valid != 0 ? 16 : 0)
                 : "memory");
}

DEVICE void copy_async_commit()
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}

// The instruction takes a literal.
DEVICE void copy_async_wait(int groups)
{
    switch (groups) {
    case 0:
        asm volatile("cp.async.wait_group 0;" ::: "memory");
        return;
    case 1:
        asm volatile("cp.async.wait_group 1;" ::: "memory");
        return;
    case 2:
        asm volatile("cp.async.wait_group 2;" ::: "memory");
        return;
    default:
        asm volatile("cp.async.wait_group 3;" ::: "memory");
        return;
    }
}

DEVICE struct f32x4 load_f32x4(const float *from)
{
    const float4 v = *(const float4 *)from;
    struct f32x4 value = {v.x, v.y, v.z, v.w};
    return value;
}

DEVICE void store_f32x4(float *to, struct f32x4 value)
{
    *(float4 *)to = make_float4(value.x, value.y, value.z, value.w);
}

DEVICE void store_f32x2(float *to, float first, float second)
{
    *(float2 *)to = make_float2(first, second);
}
