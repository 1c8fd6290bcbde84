#!/usr/bin/env bash
# A private Slurm of one node on this machine, for tests: daemons, keys and state all in FOLDER.
#
#   slurm_cluster.sh start FOLDER    then commands with SLURM_CONF=FOLDER/slurm.conf reach it
#   slurm_cluster.sh stop FOLDER
#
# Exit code 77 with a word where it cannot be: Debian's slurmctld, slurmd and munge are missing, or this is not root.
set -euo pipefail
if [ $# -ne 2 ]; then
    sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
    exit 1
fi
folder=$2
export PATH=$PATH:/usr/sbin:/sbin

skip() {
    echo "no Slurm here: $1" >&2
    exit 77
}

# What a daemon has complained of last, to its log or before it had one.
last_words() {
    grep -hiE 'error|fatal' "$folder/$1.out" "$folder/$1.log" 2>/dev/null | tail -n 1 || true
}

stop() {
    for name in slurmd slurmctld munged; do
        if [ -s "$folder/$name.pid" ]; then
            kill "$(cat "$folder/$name.pid")" 2>/dev/null || true
        fi
    done
}

if [ "$1" = stop ]; then
    stop
    exit 0
fi

[ "$(id -u)" = 0 ] || skip "its daemons want to be started by root"
for program in munged slurmctld slurmd sbatch scontrol squeue; do
    command -v $program >/dev/null || skip "$program is not installed (scripts/setup.sh --slurm)"
done

mkdir -p "$folder/state" "$folder/spool" "$folder/munge"
chmod 711 "$folder"
chmod 755 "$folder/munge"
head -c 128 /dev/urandom >"$folder/munge.key"
chmod 600 "$folder/munge.key"
first_port=$((20000 + $$ % 20000))
cat >"$folder/slurm.conf" <<END
ClusterName=test
SlurmctldHost=$(hostname)(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort=$first_port
SlurmdPort=$((first_port + 1))
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_interval=1
KillWait=20
ReturnToService=2
NodeName=$(hostname) NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
munged --force --key-file="$folder/munge.key" --socket="$folder/munge/socket" --pid-file="$folder/munged.pid" \
    --log-file="$folder/munged.log" --seed-file="$folder/munge.seed" >"$folder/munged.out" 2>&1 ||
    skip "munged does not start: $(last_words munged)"
export SLURM_CONF=$folder/slurm.conf
slurmctld >"$folder/slurmctld.out" 2>&1 || { stop; skip "slurmctld does not start: $(last_words slurmctld)"; }
slurmd >"$folder/slurmd.out" 2>&1 || { stop; skip "slurmd does not start: $(last_words slurmd)"; }
for _ in $(seq 100); do
    [ "$(sinfo --noheader --format=%T 2>/dev/null)" = idle ] && exit 0
    sleep 0.2
done
stop
skip "its node does not come up: $(last_words slurmd)"
