#!/usr/bin/env bash
# A run over several hosts of a Slurm cluster: rank 0 learns, every other rank is an actor. What remains at the time limit
# goes on in the same job, requeued. The folder that it is submitted from must be one that all hosts share.
#   sbatch [options of sbatch] configs/slurm/hosts.sh CONFIG [options of `dikdik run`]
# What stands behind #SBATCH is a default that sbatch's own options replace: --nodes, --ntasks-per-node, --time ...
#SBATCH --job-name=dikdik
#SBATCH --nodes=2 --ntasks-per-node=16 --cpus-per-task=1
#SBATCH --time=04:00:00
#SBATCH --signal=USR1@180
#SBATCH --requeue --open-mode=append
#SBATCH --output=dikdik-%j.log
set -euo pipefail
dikdik=${DIKDIK:-build/release/dikdik}
export UCX_HANDLE_ERRORS=none # no stack dumps of lost ranks in the log

# USR1 comes three minutes before the time limit, to the ranks themselves: they write a checkpoint and end.
code=0
srun --mpi=pmi2 --kill-on-bad-exit=0 "$dikdik" run "$@" || code=$?

if [ $code = 130 ]; then # interrupted, and in safety: the same command goes on from the checkpoint
    scontrol requeue "$SLURM_JOB_ID"
fi
exit $code
