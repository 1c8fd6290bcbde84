#!/usr/bin/env bash
# A run on the GPUs of one host of a Slurm cluster, one actor for each; what remains at the time limit goes on in the same
# job, requeued. For several hosts take hosts.sh with --gpus-per-node=G --ntasks-per-node=G+1: rank 0 uses none, and on the
# other hosts two actors share one.
#   sbatch [options of sbatch] configs/slurm/gpus.sh CONFIG [options of `dikdik run`]
#SBATCH --job-name=dikdik
#SBATCH --nodes=1 --ntasks=1 --gpus-per-node=4 --cpus-per-task=16
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@180
#SBATCH --requeue --open-mode=append
#SBATCH --output=dikdik-%j.log
set -euo pipefail
dikdik=${DIKDIK:-build/release/dikdik}

# A child per GPU that the job was given. In the background, as bash hears signals only while it waits.
"$dikdik" run "$@" --backend cuda --transport local &
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
