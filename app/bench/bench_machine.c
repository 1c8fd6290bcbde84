#include "app/bench/bench_machine.h"

#include "core/machine.h"

#include <stdio.h>

static bool has_device(const struct backend_use *use)
{
    return use->facts.n_devices > 0;
}

void bench_machine_json(struct json_writer *writer, const struct backend_use *use)
{
    json_write_string(writer, "processor", machine_processor());
    json_write_string(writer, "backend", use->name);
    if (has_device(use)) {
        json_write_string(writer, "device", use->facts.devices[use->facts.device]);
    }
    json_write_string(writer, "precision", backend_precision_names[use->options.precision]);
}

void bench_machine_print(const struct backend_use *use)
{
    printf("%s, backend %s",
           has_device(use) ? use->facts.devices[use->facts.device] : machine_processor(),
           use->name);
    if (use->options.precision != PRECISION_FLOAT32) {
        printf(" in %s", backend_precision_names[use->options.precision]);
    }
}

const char *bench_machine_dtype(const struct backend_use *use)
{
    const enum backend_precision precision = use->options.precision;
    return precision == PRECISION_FLOAT32 ? "f32" : backend_precision_names[precision];
}
