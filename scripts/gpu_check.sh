#!/usr/bin/env bash
# What a GPU has to show, in one go: is everything right on it, and how fast is it, also beside PyTorch.
#   scripts/gpu_check.sh [options]
#   --backend NAME   what is checked: cuda (default), or cpu, which tries the script itself
#   --only PARTS     comma-separated, of: doctor ops accuracy sync search nn sanitizer peers compiled
#   --seconds N      ends within about so long (default 350); what is left then is "not run: time"
#   --window S       seconds of one measurement (default 0.5)
#   --small          small networks and few candidates: tries the script itself
#   --dikdik FILE, --tests FOLDER, --peers FOLDER, --python FILE   by default those of this checkout or archive
# Works from any folder, on a machine that has a driver and no more: what else is missing (data, weights, PyTorch,
# compute-sanitizer) is said and left out. Prints one table of at most 60 lines; exit code 1 when something is wrong. Leaves no
# files behind.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
backend=cuda only=doctor,ops,accuracy,sync,search,nn,sanitizer,peers,compiled seconds=350 window=0.5 small=no
dikdik='' tests='' peers='' python=''
while [ $# -gt 0 ]; do
    case $1 in
    --backend | --only | --seconds | --window | --dikdik | --tests | --peers | --python)
        [ $# -gt 1 ] || { echo "gpu_check.sh: $1 wants a value" >&2; exit 1; }
        declare "${1#--}=$2"; shift 2 ;;
    --small) small=yes; shift ;;
    -h | --help) sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "gpu_check.sh: unknown option '$1'; --help lists them" >&2; exit 1 ;;
    esac
done

first_of() { # the first of these that is there
    local path
    for path in "$@"; do
        [ -e "$path" ] && { echo "$path"; return; }
    done
}
: "${dikdik:=$(first_of "$here/bin/dikdik" "$here/build/release/dikdik" "$here/build/dev/dikdik")}"
: "${dikdik:=$(command -v dikdik)}"
[ -n "$dikdik" ] && [ -x "$dikdik" ] || { echo "gpu_check.sh: there is no dikdik; build it, or say --dikdik FILE" >&2; exit 1; }
dikdik=$(readlink -f "$dikdik")
: "${tests:=$(first_of "$here"/tests/device_programs.txt "$(dirname "$dikdik")"/{../tests,tests}/device_programs.txt)}"
[ -f "$tests" ] && tests=$(dirname "$tests")
program() { # the test program of this path, in a build or packed
    first_of "$tests/$1" "$tests/$(basename "$1")"
}
: "${peers:=$(first_of "$here/experiments/peers" "$here/peers")}"
[ -f "$here/env.sh" ] && . "$here/env.sh"
data=${DIKDIK_DATA:-}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work" || exit 1
export PYTHONDONTWRITEBYTECODE=1 TORCHINDUCTOR_CACHE_DIR=$work/inductor TRITON_CACHE_DIR=$work/triton CUDA_CACHE_PATH=$work/cuda
rows=() wrong=0
if [ -z "$python" ]; then # the first that has PyTorch, else any
    for python in python3 /usr/bin/python3; do
        "$python" -c 'import torch' 2>/dev/null && break
    done
fi
torch=$("$python" -c 'import torch; print(torch.__version__)' 2>/dev/null)

# ---- the table
row() { # part, what, result, peer, ratio
    rows+=("$(printf '%-10s %-40s %-22s %-24s %s' "$1" "$2" "$3" "${4:-}" "${5:-}")")
    printf '%3ds  %s\n' $SECONDS "${rows[-1]}" >&2
}
bad() { wrong=1; row "$1" "$2" "WRONG: $3" "${4:-}"; }
left() { echo $((seconds - SECONDS)); }
# within SECONDS COMMAND...: stopped after so long, or when the whole time is up. Exit code 124 then.
within() {
    local limit=$1 rest
    rest=$(left)
    shift
    [ "$rest" -ge 3 ] || return 124
    timeout -k 5 $((limit < rest ? limit : rest)) "$@"
}
# why CODE FILE: the last words of a command that failed.
why() {
    if [ "$1" = 124 ] || [ "$1" = 137 ]; then
        echo "not run: time"
    else
        echo "exit $1: $(grep -v '^$' "$2" 2>/dev/null | tail -1 | cut -c1-60)"
    fi
}
failed() { # part, what, code, file: out of time is not wrong
    case $3 in
    124 | 137) row "$1" "$2" "not run: time" ;;
    *) bad "$1" "$2" "$(why "$3" "$4")" ;;
    esac
}
# pick FILE EXPRESSION: of the JSON object `d`.
pick() { "$python" -c 'import json,sys; d=json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2" 2>/dev/null; }
ratio() { "$python" -c 'import sys; a,b=map(float,sys.argv[1:]); print("%.2f times" % (a/b))' "$1" "$2" 2>/dev/null; }
tool() { # its path, also where only CUDA's own folder has it
    command -v "$1" || first_of /usr/local/cuda/bin/"$1" /opt/cuda/bin/"$1" /usr/local/cuda/compute-sanitizer/"$1"
}
precisions=(float32)
[ "$backend" = cuda ] && precisions=(float32 tf32 bf16)
best=${precisions[-1]}
short() { case $1 in float32) echo f32 ;; *) echo "$1" ;; esac; }
model=resnet20 other=resnet56
[ $small = yes ] && model=convnet other=''

# ---- parts
part_doctor() {
    within 30 "$dikdik" doctor --json >doctor.json 2>doctor.err || { failed doctor "dikdik doctor" $? doctor.err; return; }
    row doctor "$(pick doctor.json 'd["gpus"][:40]')" "$(pick doctor.json "d['$backend'][:60]")"
    if [ "$backend" = cuda ] && [ "$(pick doctor.json 'd["backend"]')" != cuda ]; then
        bad doctor "this GPU, or there is none" "$(pick doctor.json 'd.get("cuda", "no such backend in this build")[:75]')"
        only='' # nothing else can be right
    fi
    row doctor processor "$(pick doctor.json 'd["processor"]'), $(pick doctor.json 'd["cores"]') cores"
}

part_ops() { # every kernel against the reference, then plans and candidates
    local kind name path code passed=0 all=0 args ran=()
    [ -n "$tests" ] || { row ops "op matrix" "not run: no tests"; return; }
    while read -r kind name; do
        all=$((all + 1)) path=$(program "$name") name=${name#*/test_} args=()
        [ -n "$path" ] || { row ops "$name" "not run: it is not here"; continue; }
        [ "$kind" = plans ] || args=("$backend")
        if [ "$backend" = cuda ]; then export DIKDIK_TEST_DEVICE=cuda; fi
        within 40 "$path" "${args[@]}" </dev/null >ops.out 2>&1
        code=$?
        unset DIKDIK_TEST_DEVICE
        case $code in
        0) passed=$((passed + $(grep -c '\[       OK' ops.out))) ran+=("$name") ;;
        77) row ops "$name" "skipped: $(sed -n 's/^skipped: //p' ops.out | cut -c1-70)" ;;
        124 | 137) row ops "$name" "not run: time" ;;
        *) bad ops "$name" "$(grep -m1 -E 'ERROR|error while loading|: *fail' ops.out | cut -c1-110)" ;;
        esac
    done <"$tests/device_programs.txt"
    row ops "op matrix, plans, candidates" "${#ran[@]} of $all programs" "$passed tests passed"
}

part_accuracy() {
    local name precision expected got
    for name in resnet20:91.73 resnet56:93.39; do
        expected=${name#*:} name=${name%:*}
        local file=$data/weights/cifar10_$name.safetensors
        if [ ! -e "$file" ] || [ ! -e "$data/cifar10/test_batch.bin" ]; then
            row accuracy "$name, CIFAR-10 test" "not run: no $([ -e "$file" ] && echo cifar10 || echo weights) in DIKDIK_DATA"
            continue
        fi
        for precision in "${precisions[@]}"; do
            within 60 "$dikdik" eval "$file" --data cifar10 --backend "$backend" --backend.precision "$precision" \
                --batch 500 --json >eval.json 2>eval.err || { failed accuracy "$name $precision" $? eval.err; continue; }
            got=$(pick eval.json '"%.2f" % (100*d["accuracy"])')
            if "$python" -c "import sys; sys.exit(abs($got-$expected) > ($([ "$precision" = float32 ] && echo 0.011 || echo 0.1)))"; then
                row accuracy "$name $precision" "$got%" "published $expected%"
            else
                bad accuracy "$name $precision" "$got%" "published $expected%"
            fi
        done
    done
}

write_config() { # file, mode, evaluations, budgets...: a search over drawn images, whose cost is that of others
    local file=$1 mode=$2 n=$3 tasks='' network size=32
    shift 3
    [ $small = yes ] && size=12
    local shapes="\"data\": {\"name\": \"shapes\", \"size\": $size, \"count\": 4000, \"classes\": [0, 6]}"
    network="\"architecture\": \"$model\", \"train\": {\"epochs\": 1, \"batch\": 64, \"crop_pad\": 0}"
    for budget in "$@"; do tasks+="{\"network\": \"a\", \"macs\": $budget}, "; done
    cat >"$file" <<JSON
{"seed": 1, "networks": [{"name": "a", $network, $shapes}], "tasks": [${tasks%, }], "space": {"round_to": 2},
 "scoring": {"images": $([ $small = yes ] && echo 100 || echo 1000), "validation_share": 0.25},
 "search": {"evaluations": $n, "best": 2}, "learner": {"mode": "$mode", "batch": 32}}
JSON
}
search() { # folder, episodes at once, more...
    local folder=$1 k=$2
    shift 2
    within 100 "$dikdik" search sync.json --transport local --actors 1 --actors.episodes "$k" --backend "$backend" \
        --run-dir "$folder" "$@" >search.out 2>search.err
}
same() { # whether two runs left the same bytes
    local file list
    list=$(cd "$1" && ls checkpoint.h5 policy.safetensors found/* networks/* results/*.json 2>/dev/null)
    [ -n "$list" ] || return 1
    for file in $list; do
        cmp -s "$1/$file" "$2/$file" || { echo "$file"; return 1; }
    done
}
part_sync() { # the same bytes twice, for 8 and 32 at once, and after an interrupt
    local name k differs code
    write_config sync.json sync $([ $small = yes ] && echo 24 || echo 96) 0.5 0.3
    search k8 8 || { failed sync "search, 8 at once" $? search.err; return; }
    for name in again:8 k32:32; do
        k=${name#*:} name=${name%:*}
        search "$name" "$k" || { failed sync "$name" $? search.err; continue; }
        differs=$(same k8 "$name") && row sync "8 at once, and $([ "$name" = again ] && echo again || echo 32)" "same bytes" ||
            bad sync "8 at once, and $name" "differ in $differs"
    done
    (
        while [ ! -e part/run.h5 ]; do sleep 0.05; done
        sleep 0.3
        kill -INT "$(cat part.pid)"
    ) 2>/dev/null &
    local watcher=$!
    ( # timeout hands the signal on
        echo "$BASHPID" >part.pid
        exec timeout -k 5 100 "$dikdik" search sync.json --transport local --actors 1 --actors.episodes 8 \
            --backend "$backend" --run-dir part >search.out 2>search.err
    )
    code=$?
    kill $watcher 2>/dev/null
    wait $watcher 2>/dev/null
    if [ $code != 130 ] && [ $code != 0 ]; then
        failed sync "search, interrupted" $code search.err
    elif search part 8; then
        differs=$(same k8 part) && row sync "interrupted ($([ $code = 130 ] && echo yes || echo "no, it ended first")), resumed" "same bytes" ||
            bad sync "interrupted, resumed" "differ in $differs"
    else
        failed sync "resume" $? search.err
    fi
    within 60 "$dikdik" search sync.json --transport local --actors 1 --backend "$([ "$backend" = cpu ] && echo ref || echo cpu)" \
        --run-dir k8 >search.out 2>search.err
    code=$?
    [ $code = 1 ] && grep -q "this run began on" search.err && row sync "resumed on another kind of device" "refused, with reason" ||
        bad sync "resumed on another kind of device" "exit $code"
}

# Candidates per second; the best precision's stay for the peers.
part_search() {
    local k precision name rate reach
    local list=(8 32 64)
    [ "$backend" = cuda ] || list=(1 8)
    for name in "$model" $other; do
        for precision in "${precisions[@]}"; do
            for k in "${list[@]}"; do
                [ "$precision" = "$best" ] && [ "$name" = "$model" ] || [ "$k" = "${list[-1]}" ] || continue
                within 40 "$dikdik" bench search --architecture "$name" --episodes "$k" --workers 1 --learner false \
                    --seconds "$("$python" -c "print(4*$window)")" --space.round_to 2 --backend "$backend" \
                    --backend.precision "$precision" --json >search.json 2>search.err || {
                    failed search "$name $precision, $k at once" $? search.err; continue; }
                rate=$(pick search.json '"%.1f" % d["results"][0]["candidates_per_second"]')
                reach=''
                [ "$backend:$name:$precision" = cuda:resnet20:bf16 ] && reach="reach 1500"
                [ "$backend:$name:$precision" = cuda:resnet56:bf16 ] && reach="reach 500"
                row search "$name $precision, $k at once" "$rate candidates/s" "$reach" \
                    "overhead $(pick search.json '"%.0f%%" % (100*d["results"][0]["overhead_share"])')"
                echo "$rate" >"rate.$name.$precision"
            done
        done
    done
    within 40 "$dikdik" bench search --architecture convnet --episodes 8 --workers 1 --backend "$backend" \
        --seconds "$("$python" -c "print(2*$window)")" --data shapes --data.size 12 --data.count 600 --scoring.images 50 --json >search.json 2>search.err &&
        row search "learner, paper's agent" "$(pick search.json '"%.0f frames/s" % d["learner_frames_per_second"]')" \
            "on $(pick search.json 'd["learner_backend"]')" || failed search "learner" $? search.err
    write_config sync.json async $([ $small = yes ] && echo 16 || echo 300) 0.5 0.3 0.6 0.4
    local start=$SECONDS
    within 90 "$dikdik" search sync.json --transport local --backend "$backend" --backend.precision "$best" --run-dir wall \
        >search.out 2>search.err || { failed search "a whole search, 4 tasks" $? search.err; return; }
    row search "a whole search, 4 tasks, base network too" "$((SECONDS - start)) s" \
        "search $(pick wall/times.json '"%.1f s" % d["search"]["seconds"]')" "reach 10 s"
}

part_nn() {
    local name precision mode batch rate rates peak
    for name in "$model" $other; do
        for precision in "${precisions[@]}"; do
            rates='' peak=''
            for mode in infer train; do
                local batches=1000
                [ $mode = train ] && batches=128,512
                [ $small = yes ] && batches=16
                within 60 "$dikdik" bench nn --models "$name" --modes $mode --dtypes f32 --batches $batches --slim 0 \
                    --seconds "$window" --backend "$backend" --backend.precision "$precision" --json >nn.json 2>nn.err || {
                    failed nn "$name $mode $precision" $? nn.err; continue; }
                for batch in ${batches//,/ }; do
                    rate=$(pick nn.json "'%.0f' % next(r['images_per_second'] for r in d['results'] if r['batch']==$batch)")
                    rates+="${rates:+, }$mode $batch: $rate"
                    echo "$rate" >"rate.$name.$mode.$(short "$precision").$batch"
                done
                [ $mode = infer ] && peak=$(pick nn.json \
                    "'%.0f%% of peak %.0f GFLOP/s' % (100*d['results'][0]['share_of_peak'], d['peak_gflops_f32'])")
            done
            [ -z "$rates" ] || row nn "$name $(short "$precision"), images/s" "$rates" "$peak"
        done
    done
}

part_sanitizer() { # a small selection of kernels under NVIDIA's checker
    local checker name kind clean late
    [ "$backend" = cuda ] || { row sanitizer compute-sanitizer "not run: for cuda alone"; return; }
    checker=$(tool compute-sanitizer)
    [ -n "$checker" ] || { row sanitizer compute-sanitizer "not run: it is not here"; return; }
    [ -n "$tests" ] || { row sanitizer compute-sanitizer "not run: no tests"; return; }
    for kind in memcheck racecheck initcheck; do
        clean=() late=()
        for name in softmax pool optimizer batchnorm lstm multiply box conv; do
            local path
            path=$(program "compute/test_compute_$name")
            [ -n "$path" ] || continue
            within 20 "$checker" --tool $kind --error-exitcode 99 "$path" cuda >sanitizer.out 2>&1
            case $? in
            0) clean+=("$name") ;;
            77) row sanitizer "$kind $name" "skipped: no device" ;;
            124 | 137) late+=("$name") ;;
            99) bad sanitizer "$kind $name" "$(grep -m1 -E '=========.*(Invalid|hazard|Uninit|ERROR)' sanitizer.out | cut -c1-90)" ;;
            *) bad sanitizer "$kind $name" "$(why 1 sanitizer.out)" ;;
            esac
        done
        row sanitizer "$kind" "clean: ${clean[*]:-none}${late:+; not run, time: ${late[*]}}"
    done
}

# rates FILE: every result of a peer beside ours.
print_peers() {
    local line name mode dtype batch rate ours way
    pick "$1" '"\n".join(" ".join(map(str,(r["model"],r["mode"],r["dtype"],r["batch"],"%.0f"%r["images_per_second"]))) for r in d["results"])' >lines
    while read -r name mode dtype batch rate; do
        way=${mode#*-}
        [ "$way" = "$mode" ] && way=eager
        ours=$(cat "rate.$name.${mode%%-*}.$dtype.$batch" 2>/dev/null)
        row peers "$name ${mode%%-*} $dtype, batch $batch" "${ours:-not measured}" "torch $way $rate" "$([ -n "$ours" ] && ratio "$ours" "$rate")"
    done <lines
}
torch_missing() {
    [ -n "$peers" ] || { row peers PyTorch "not run: no experiments/peers"; return 0; }
    [ -n "$torch" ] && return 1
    row peers PyTorch "not run: no torch"
}
device=$([ "$backend" = cuda ] && echo cuda || echo cpu)
peer_models="${model/convnet/resnet20} $other"
part_peers() { # eager and, on a GPU, as CUDA graphs
    local name ours dtype
    torch_missing && return
    dtype=$(short "$best")
    within 50 "$python" "$peers/torch_candidates.py" --device $device --dtypes "$dtype" --seconds "$("$python" -c "print(4*$window)")" \
        $([ $small = yes ] && echo --images 50 --warm-up 1) --json >peer.json 2>peer.err || failed peers torch_candidates $? peer.err
    if [ -s peer.json ]; then
        ours=$(cat "rate.$model.$best" 2>/dev/null)
        name=$(pick peer.json '"%.2f" % d["results"][0]["candidates_per_second"]')
        row peers "resnet20 $dtype candidates" "${ours:-not measured}" "torch one by one $name" "$([ -n "$ours" ] && ratio "$ours" "$name")"
    fi
    local graph='' batches='1000'
    [ $device = cuda ] && graph=infer-graph
    [ $small = yes ] && batches=16
    within 50 "$python" "$peers/torch_nn.py" --device $device --models $peer_models --modes infer $graph --dtypes "$dtype" \
        --formats nhwc --batches $batches --seconds "$window" --json >peer.json 2>peer.err && print_peers peer.json ||
        failed peers "torch_nn infer" $? peer.err
    [ $device = cuda ] && graph=train-graph batches='128 512'
    within 50 "$python" "$peers/torch_nn.py" --device $device --models $peer_models --modes train $graph --dtypes "$dtype" \
        --formats nhwc --batches $batches --seconds "$window" --json >peer.json 2>peer.err && print_peers peer.json ||
        failed peers "torch_nn train" $? peer.err
}
part_compiled() { # last: compiling takes longest
    local name
    torch_missing && return
    "$python" -c 'import torch, sys; sys.exit(not hasattr(torch, "compile"))' 2>/dev/null ||
        { row compiled torch.compile "not run: torch $torch has none"; return; }
    [ $device = cuda ] || { row compiled torch.compile "not run: for cuda alone"; return; }
    for name in $peer_models; do
        within 120 "$python" "$peers/torch_nn.py" --device cuda --models "$name" --modes infer-compile --dtypes bf16 --batches 1000 \
            --seconds "$window" --json >peer.json 2>peer.err && print_peers peer.json || failed compiled "$name infer" $? peer.err
        within 120 "$python" "$peers/torch_nn.py" --device cuda --models "$name" --modes train-compile --dtypes bf16 --batches 512 \
            --seconds "$window" --json >peer.json 2>peer.err && print_peers peer.json || failed compiled "$name train" $? peer.err
    done
}

[ -n "$("$python" -c 'print(1)' 2>/dev/null)" ] || { echo "gpu_check.sh: there is no python3, which reads what is measured" >&2; exit 1; }
for part in ${only//,/ }; do
    [ -n "$only" ] || break
    declare -F "part_$part" >/dev/null || { echo "gpu_check.sh: no part \"$part\"; --help lists them" >&2; exit 1; }
    if [ "$(left)" -lt 3 ]; then
        row "$part" "all of it" "not run: time"
    else
        "part_$part"
    fi
done

echo "gpu_check: backend $backend, torch ${torch:-none}, $SECONDS s$([ $wrong = 0 ] || echo ', SOMETHING IS WRONG')"
printf '%-10s %-40s %-22s %-24s %s\n' part what result "peer or note" ratio
printf '%s\n' "${rows[@]}" | cut -c1-150 | head -57
[ ${#rows[@]} -le 57 ] || echo "and $((${#rows[@]} - 57)) more lines, on standard error"
exit $wrong
