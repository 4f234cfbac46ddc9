"""pgbench with the stored functions: the limit, since no Python runs at all."""

import re
import resource
import subprocess
from pathlib import Path

from automator.bench.load_generators import CONNECTIONS, SECONDS_TO_END, Fire, GeneratorFailed
from automator.bench.loads import Load
from automator.postgres import cluster

# `which` is the number of a ticket group and `id` is random, so that no two holds have the same id.
DRAW = "\\set which random({first}, {last})\n\\set id random(1, 1000000000000000000)\n"
HOLD = "SELECT status FROM place_hold('{key}', '{prefix}' || :which, {quantity}, 'p-' || :id);\n"
RELEASE = "SELECT status FROM release_hold('{key}', 'p-' || :id);\n"
INVOICE = "SELECT status FROM invoice_hold('{key}', 'o-' || :id, 'p-' || :id);\n"
UNKNOWN = "SELECT status FROM place_hold('{key}', 'unknown-' || :which, {quantity}, 'p-' || :id);\n"
TOO_MANY = "SELECT status FROM place_hold('{key}', '{prefix}' || :which, 999, 'p-' || :id);\n"
# For each kind of load: scripts with their weights and the number of their calls.
SCRIPTS = {
    "usual": ((9, HOLD + RELEASE), (1, HOLD + INVOICE)),
    "reserve": ((1, HOLD + RELEASE),),
    "twice": ((9, HOLD + HOLD + RELEASE + RELEASE), (1, HOLD + HOLD + INVOICE + INVOICE)),
    "refused": ((1, UNKNOWN + TOO_MANY),),
}


def fire(
    database_url: str,
    load: Load,
    *,
    groups: tuple[int, int],
    key_hash: str,
    seed: int,
    seconds: int,
    folder: Path,
) -> Fire:
    """Make the calls of a load on 16 connections. The statuses of the answers are not counted.

    Args:
        database_url: the database with the narrow tables.
        load: the calls to make.
        groups: the numbers of the first and the last ticket group to use.
        key_hash: the hash of the API key.
        seed: the seed of the random numbers.
        seconds: for how long.
        folder: where the scripts are written.

    Raises:
        GeneratorFailed: pgbench did not end as it should.
    """
    facts = {"key": key_hash, "prefix": load.prefix, "quantity": load.quantity}
    command = [str(cluster.binaries() / "pgbench"), "--no-vacuum", "--protocol", "prepared"]
    command += ["--client", str(CONNECTIONS), "--jobs", "1", "--time", str(seconds)]
    command += ["--random-seed", str(seed)]
    scripts = SCRIPTS[load.kind]
    for number, (weight, text) in enumerate(scripts):
        path = folder / f"{number}.pgbench"
        draw = DRAW.format(first=groups[0], last=groups[1])
        path.write_text(draw + text.format(**facts))
        command += ["--file", f"{path}@{weight}"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [*command, database_url],
        check=False,
        capture_output=True,
        text=True,
        timeout=seconds + SECONDS_TO_END,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = re.search(r"transactions actually processed: (\d+)", done.stdout)
    if done.returncode or not found:
        raise GeneratorFailed(f"pgbench failed: {(done.stderr or done.stdout).strip()[-300:]}")
    calls = int(found[1]) * scripts[0][1].count("SELECT")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Fire(calls=calls, seconds=float(seconds), statuses={}, lost=0, cpu=cpu)
