#!/usr/bin/env bash
# A run on one host of a Slurm cluster; what remains at the time limit goes on in the same job, requeued.
#   sbatch [options of sbatch] configs/slurm/one-host.sh CONFIG [options of `dikdik run`]
# What stands behind #SBATCH is a default that sbatch's own options replace: --partition, --cpus-per-task, --time ...
#SBATCH --job-name=dikdik
#SBATCH --nodes=1 --ntasks=1 --cpus-per-task=8
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@180
#SBATCH --requeue --open-mode=append
#SBATCH --output=dikdik-%j.log
set -euo pipefail
dikdik=${DIKDIK:-build/release/dikdik}

# One process with a child per core of the job. In the background, as bash hears signals only while it waits.
"$dikdik" run "$@" --transport local &
run=$!

# USR1 comes three minutes before the time limit, TERM when the job is preempted or requeued: both ask for a checkpoint.
trap 'kill -USR1 $run 2>/dev/null || true' USR1 TERM
code=138 # what `wait` says when USR1 has come, 143 with TERM: the run goes on
while [ $code = 138 ] || [ $code = 143 ]; do
    code=0
    wait $run || code=$?
done

if [ $code = 130 ]; then # interrupted, and in safety: the same command goes on from the checkpoint
    scontrol requeue "$SLURM_JOB_ID"
fi
exit $code
