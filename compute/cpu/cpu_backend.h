// The CPU backend's own state: oneDNN's engine, one stream and one thread per lane.
#pragma once
#include "compute/backend.h"
#include "compute/cpu/lanes.h"

#include <dnnl.h>

struct cpu_backend {
    struct backend base;
    struct lanes *lanes;
    dnnl_engine_t engine;
    dnnl_stream_t *streams; // [lanes], owned
};
