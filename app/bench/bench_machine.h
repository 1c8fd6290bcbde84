// What a bench says of where it measured.
#pragma once
#include "core/json.h"
#include "run/load.h"

// processor, backend and, where it has devices, device; precision.
void bench_machine_json(struct json_writer *writer, const struct backend_use *use);
// "AMD EPYC 9654, backend cpu" or "NVIDIA H100 80GB HBM3, 79.6 GiB, backend cuda in bf16".
void bench_machine_print(const struct backend_use *use);
// Of products in floats: "f32", "tf32" or "bf16".
const char *bench_machine_dtype(const struct backend_use *use);
