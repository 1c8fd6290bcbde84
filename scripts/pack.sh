#!/usr/bin/env bash
# Packs a built dikdik, with the libraries and the launcher it needs, into one archive for a Linux machine that has none of
# them (the same or a newer glibc):
#   scripts/pack.sh BUILD OUT.tar.xz [--check DATA]        BUILD as build/release, OUT.tar.xz the archive
#   --check   also what scripts/gpu_check.sh needs: test programs, the script, its peers, and from DATA (as DIKDIK_DATA) the
#             weights of ResNet-20 and -56 and CIFAR-10's test images, as far as they are there
# There:  tar xJf OUT.tar.xz && . dikdik/env.sh && dikdik doctor        and   dikdik/scripts/gpu_check.sh
# The driver's own libraries are not packed: they belong to the machine.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
check=no data=''
[ $# -ge 2 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 1; }
build=$1 out=$2
shift 2
if [ $# -gt 0 ]; then
    [ "$1" = --check ] || { echo "pack.sh: unknown option '$1'; there is --check DATA" >&2; exit 1; }
    check=yes data=${2:-}
fi
[ -x "$build/dikdik" ] || { echo "pack.sh: $build/dikdik is not there; build it first" >&2; exit 1; }

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
to=$stage/dikdik
mkdir -p "$to/bin" "$to/lib/ucx" "$to/data"
cp "$build/dikdik" "$to/bin/"
programs=("$to/bin/dikdik")
for name in mpiexec.hydra hydra_pmi_proxy; do
    path=$(command -v $name) || { echo "pack.sh: MPICH's $name is not here, so the archive has no mpiexec" >&2; continue; }
    cp -L "$path" "$to/bin/"
    programs+=("$to/bin/$name")
done
[ ! -e "$to/bin/mpiexec.hydra" ] || for name in mpirun mpiexec; do ln -s mpiexec.hydra "$to/bin/$name"; done

if [ $check = yes ]; then
    mkdir -p "$to/tests" "$to/scripts" "$to/experiments/peers"
    while read -r _ path; do
        cp "$build/tests/$path" "$to/tests/"
    done <"$build/tests/device_programs.txt"
    programs+=("$to"/tests/*)
    cp "$build/tests/device_programs.txt" "$to/tests/"
    cp "$here/scripts/gpu_check.sh" "$to/scripts/"
    cp "$here"/experiments/peers/{torch_*,median_seconds}.py "$to/experiments/peers/"
    for name in weights/cifar10_resnet{20,56}.safetensors cifar10/test_batch.bin cifar10/batches.meta.txt; do
        [ -n "$data" ] && [ -e "$data/$name" ] || { echo "pack.sh: there is no ${data:-DATA}/$name to pack" >&2; continue; }
        mkdir -p "$to/data/$(dirname $name)"
        cp -L "$data/$name" "$to/data/$name"
    done
fi

ldd "${programs[@]}" | awk '/=> \//{print $3}' | sort -u |
    grep -vE '/(libc|libm|libpthread|libdl|librt|libresolv|libutil|ld-linux[^/]*|libcuda)\.so' |
    xargs -I{} cp -L {} "$to/lib/"
for path in /usr/lib/x86_64-linux-gnu/ucx/*.so.0; do # which UCX loads by itself
    [ ! -e "$path" ] || cp -L "$path" "$to/lib/ucx/"
done
find "$to" -type f \( -perm -u+x -o -name '*.so*' \) ! -name '*.sh' ! -name '*.py' -exec strip --strip-unneeded {} + 2>/dev/null || true
cat >"$to/env.sh" <<'ENV'
there=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PATH=$there/bin:$PATH LD_LIBRARY_PATH=$there/lib:$there/lib/ucx${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} UCX_HANDLE_ERRORS=none
[ -n "${DIKDIK_DATA:-}" ] || export DIKDIK_DATA=$there/data
ENV
# Programs have their kernels in common: a window over several of them saves most of it, without much search.
tar -C "$stage" -c dikdik | xz -T0 --lzma2=preset=1,dict=64MiB >"$out.part"
mv "$out.part" "$out"
echo "$out: $(du -h "$out" | cut -f1)"
