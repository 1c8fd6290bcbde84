"""The project's files as git sees them: tracked, or new and not ignored."""
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent


def sources(*patterns):
    """Sorted paths relative to ROOT."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\n")
    return sorted({name for name in listed if name and (ROOT / name).is_file()})
