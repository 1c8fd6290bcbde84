#!/usr/bin/env bash
# Installs what dikdik needs and this Debian 12 machine lacks. Does nothing when all of it is there.
#   ./scripts/setup.sh [--peers] [--readers] [--slurm] [--check]
#   --peers   also what experiments/peers compares with (python3-torch)
#   --readers also, in a virtual environment below ~/.cache, PyPI's packages that tests read our files with
#   --slurm   also the Slurm that a test starts for itself
#   --check   install nothing; exit 1 and name what is missing
# Needs root or sudo only when something is missing.
set -euo pipefail

packages=(
    build-essential cmake ninja-build pkg-config git python3 xz-utils
    clang libclang-rt-dev libomp-dev clang-format clang-tidy # checks, ThreadSanitizer
    mpich libmpich-dev libopenblas-pthread-dev
    libdnnl-dev ocl-icd-opencl-dev # oneDNN's CMake file asks for OpenCL
    libhdf5-dev libcjson-dev zlib1g-dev libjpeg62-turbo-dev libturbojpeg0-dev libpng-dev
    libonnx-dev libprotobuf-c-dev protobuf-c-compiler # onnx.proto, and what reads its messages
    libcmocka-dev python3-h5py dataset-fashion-mnist
    libjs-vega # charts of reports
)
# What tests hold our files against; they skip, with a word, where one is missing.
readers=(tensorboard safetensors onnxruntime pyyaml)
check=no
with_readers=no
for argument in "$@"; do
    case $argument in
    --peers) packages+=(python3-torch) ;;
    --readers) with_readers=yes packages+=(python3-venv python3-numpy) ;;
    --slurm) packages+=(slurmctld slurmd slurm-client munge) ;;
    --check) check=yes ;;
    -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "setup.sh: unknown option '$argument'; known are --peers, --readers, --slurm and --check" >&2; exit 1 ;;
    esac
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "setup.sh: this is no Debian system. Install by hand what these packages hold:" >&2
    printf '  %s\n' "${packages[@]}" >&2
    exit 1
fi

install_readers() {
    local place=${XDG_CACHE_HOME:-$HOME/.cache}/dikdik-readers
    [ $with_readers = yes ] || return 0
    [ -x "$place/bin/python" ] || /usr/bin/python3 -m venv --system-site-packages "$place"
    "$place/bin/python" -m pip install --quiet --disable-pip-version-check --timeout 20 --retries 1 "${readers[@]}"
}

missing=()
installed=" $(dpkg-query -W -f '${db:Status-Status}=${Package} ' "${packages[@]}" 2>/dev/null || true)"
for package in "${packages[@]}"; do
    [[ $installed == *" installed=$package "* ]] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
    [ $check = yes ] || install_readers
    exit 0
fi
if [ $check = yes ]; then
    echo "setup.sh: missing: ${missing[*]}" >&2
    exit 1
fi

as_root=()
if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null; then
        as_root=(sudo)
        [ -t 0 ] || as_root+=(-n) # nobody there to type a password
    else
        echo "setup.sh: these packages are missing, and there is neither root nor sudo here:" >&2
        echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
        -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" >>"$log" 2>&1
}
install() {
    apt install --no-install-recommends "${missing[@]}"
}

echo "setup: installing ${missing[*]}" >&2
# The first try fails where the package lists are empty or old: fetch them and try once more.
if ! install; then
    if ! { apt update && install; }; then
        cat "$log" >&2
        echo "setup.sh: could not install ${missing[*]}; what apt-get said is above" >&2
        exit 1
    fi
fi
install_readers
echo "setup: done" >&2
