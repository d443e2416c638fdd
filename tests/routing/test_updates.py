"""Maps that change under lookups: every lookup sees one whole map."""

from __future__ import annotations

import threading

import numpy as np

from mapcore.maps import PartitionMap
from mapcore.routing import Router
from mapcore.states import Placement, state_code

MASTER = state_code(Placement.MASTER)
SLAVE = state_code(Placement.SLAVE)
PARTITIONS = 512


def generation(number: int) -> PartitionMap:
    """Return a map whose answers all say which one it is: master `g<number>`, slave `s<number>`.

    Its number of partitions and nodes changes too, so that a mixture of two would read outside.
    """
    partitions = PARTITIONS >> (number % 3)
    names = [*(f"x{i}" for i in range(number % 5)), f"g{number}", f"s{number}"]
    table = np.full((partitions, 2), len(names) - 1, np.int32)
    table[:, 0] -= 1
    return PartitionMap.from_table(table, [MASTER, SLAVE], names, version=(1, number))


def test_each_lookup_sees_one_whole_map_while_another_thread_swaps_them() -> None:
    router = Router(generation(0))
    rows = np.array([b"key%012d" % i for i in range(3000)])
    listed = rows.tolist()
    done = threading.Event()
    failures: list[str] = []
    seen: set[int] = set()

    def check(is_whole: bool, what: str) -> None:
        if not is_whole:
            failures.append(what)
            done.set()

    def look_up_one() -> None:
        last = -1
        while not done.is_set():
            for key in listed[:50]:
                master, slave = router.copies(key)
                number = int(master[1:])
                check(slave == f"s{number}" and master[0] == "g", f"copies {master}, {slave}")
                check(number >= last, f"went back from {last} to {number}")
                last = number
                seen.add(number)
                check(router[key].startswith("g"), "node")

    def look_up_many() -> None:
        while not done.is_set():
            groups = list(router.group(rows))
            check(len(groups) == 1, f"group: {[name for name, _ in groups]}")
            check(groups[0][0].startswith("g"), "group")
            table = router.copies_table(listed)
            check(bool((table[:, 1] - table[:, 0] == 1).all()), "copies_table")

    threads = [threading.Thread(target=work) for work in (look_up_one, look_up_many) * 2]
    for thread in threads:
        thread.start()
    for number in range(1, 400):
        router.update(generation(number))
        if done.is_set():
            break
        if number % 8 == 0:
            done.wait(0.002)
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(seen) > 5


def test_of_updates_at_the_same_time_the_newest_stays() -> None:
    router = Router(generation(0))
    numbers = np.random.default_rng(1).permutation(np.arange(1, 200))
    refused = [0] * 4

    def update(worker: int) -> None:
        for number in numbers[worker::4].tolist():
            try:
                router.update(generation(number))
            except ValueError:
                refused[worker] += 1

    threads = [threading.Thread(target=update, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert router.version.revision == 199
    assert router["key"] == "g199"
    assert sum(refused) > 0


def test_tables_live_as_long_as_a_lookup_holds_them() -> None:
    router = Router(generation(1))
    held = router.tables
    router.update(generation(2))
    assert held.names[-1] == "s1"
    assert router.tables.names[-1] == "s2"
