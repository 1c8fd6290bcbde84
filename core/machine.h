// What this machine offers.
#pragma once
#include <stdbool.h>
#include <stddef.h>

int machine_cores(void);           // usable by this process: affinity and cgroup quota, at least 1
size_t machine_memory_bytes(void); // usable: physical or cgroup limit
size_t machine_peak_bytes(void);   // this process's greatest resident size so far
size_t machine_data_bytes(void);   // private writable memory of this process, 0 if unknown
size_t machine_space_bytes(void);  // address space of this process, 0 if unknown
int machine_threads(void);         // of this process now, at least 1
long machine_memory_kills(void);   // processes the kernel has killed for want of memory so far
const char *machine_processor(void); // model name, "" if unknown
bool machine_has_avx2(void);
bool machine_has_avx512(void); // F, BW, VL, DQ
bool machine_has_vnni(void);   // AVX512-VNNI
