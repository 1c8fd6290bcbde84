// Which devices CUDA finds on this machine, and why none can be used.
#include "compute/cuda/cuda_runtime.h"

#include <cuda_runtime_api.h>
#include <stdio.h>

// Least of what a context, the kernels' code and a small network take.
#define LEAST_FREE_BYTES ((size_t)1 << 30)

// "13.0" of 13000.
static void version_text(int version, char out[16])
{
    snprintf(out, 16, "%d.%d", version / 1000, version % 1000 / 10);
}

static enum status no_devices(cudaError_t error, int driver)
{
    char runtime_text[16], driver_text[16];
    version_text(CUDART_VERSION, runtime_text);
    version_text(driver, driver_text);
    if (driver == 0) {
        FAIL(ERR_UNSUPPORTED,
             "there is no NVIDIA driver on this machine; install one for CUDA %s or newer, or use "
             "backend \"cpu\"",
             runtime_text);
    }
    if (error == cudaErrorInsufficientDriver || driver < CUDART_VERSION / 1000 * 1000) {
        FAIL(ERR_UNSUPPORTED,
             "the NVIDIA driver is for CUDA %s and too old for this build, which needs CUDA %s; "
             "install a newer driver, or use backend \"cpu\"",
             driver_text, runtime_text);
    }
    if (error == cudaErrorNoDevice || error == cudaSuccess) {
        FAIL(ERR_UNSUPPORTED,
             "the NVIDIA driver (CUDA %s) finds no device; look at nvidia-smi and at "
             "CUDA_VISIBLE_DEVICES, or use backend \"cpu\"",
             driver_text);
    }
    FAIL(ERR_UNSUPPORTED,
         "CUDA cannot count the devices: %s (%s); look at nvidia-smi, or use backend \"cpu\"",
         cudaGetErrorString(error), cudaGetErrorName(error));
}

static enum status describe(int device, char out[96], int *capability, size_t *memory)
{
    struct cudaDeviceProp properties;
    const cudaError_t error = cudaGetDeviceProperties(&properties, device);
    if (error != cudaSuccess) {
        FAIL(ERR_UNSUPPORTED, "CUDA device %d cannot be asked what it is: %s", device,
             cudaGetErrorString(error));
    }
    *memory = properties.totalGlobalMem;
    *capability = 10 * properties.major + properties.minor;
    snprintf(out, 96, "%.70s, %.1f GiB", properties.name,
             (double)properties.totalGlobalMem / (double)(1 << 30));
    return OK;
}

// Whether the chosen one can do our work.
static enum status check_device(int device, int capability, const char *text)
{
    if (capability < CUDA_LEAST_CAPABILITY) {
        FAIL(ERR_UNSUPPORTED,
             "CUDA device %d (%s) has compute capability %d.%d; this build needs %d.%d or newer",
             device, text, capability / 10, capability % 10, CUDA_LEAST_CAPABILITY / 10,
             CUDA_LEAST_CAPABILITY % 10);
    }
    size_t free_bytes = 0, all = 0;
    cudaError_t error = cudaSetDevice(device);
    error = error == cudaSuccess ? cudaMemGetInfo(&free_bytes, &all) : error;
    if (error != cudaSuccess) {
        FAIL(ERR_UNSUPPORTED, "CUDA device %d (%s) cannot be used: %s (%s)", device, text,
             cudaGetErrorString(error), cudaGetErrorName(error));
    }
    if (free_bytes < LEAST_FREE_BYTES) {
        FAIL(ERR_UNSUPPORTED,
             "CUDA device %d (%s) has only %zu MiB free; end what else runs on it (nvidia-smi), or "
             "choose another by backend.device",
             device, text, free_bytes >> 20);
    }
    return OK;
}

enum status cuda_ask(const struct backend_options *options, struct backend_facts *facts)
{
    int driver = 0, count = 0, capabilities[BACKEND_MOST_DEVICES] = {0};
    size_t memory[BACKEND_MOST_DEVICES] = {0};
    cudaDriverGetVersion(&driver);
    const cudaError_t error = cudaGetDeviceCount(&count);
    char runtime_text[16], driver_text[16];
    version_text(CUDART_VERSION, runtime_text);
    version_text(driver, driver_text);
    snprintf(facts->library, sizeof facts->library, "CUDA %s, driver for %s", runtime_text,
             driver == 0 ? "none" : driver_text);
    if (error != cudaSuccess || count == 0) {
        return no_devices(error, driver);
    }
    facts->n_devices = count < BACKEND_MOST_DEVICES ? count : BACKEND_MOST_DEVICES;
    for (int i = 0; i < facts->n_devices; i++) {
        TRY(describe(i, facts->devices[i], &capabilities[i], &memory[i]));
    }
    if (options->device >= facts->n_devices) {
        FAIL(ERR_CONFIG, "there is no CUDA device %d; there are %d, numbered from 0",
             options->device, facts->n_devices);
    }
    facts->device = options->device >= 0 ? options->device : options->turn % facts->n_devices;
    facts->memory_bytes = memory[facts->device];
    // The capability decides which of the build's codes runs.
    char name[96];
    snprintf(name, sizeof name, "%s", facts->devices[facts->device]);
    const int capability = capabilities[facts->device];
    snprintf(facts->numerics, sizeof facts->numerics, "CUDA %s sm_%d %s, %s", runtime_text,
             capability, name, backend_precision_names[options->precision]);
    return check_device(facts->device, capability, name);
}
