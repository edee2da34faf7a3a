"""Pages of jobs behind those of other requests."""

from __future__ import annotations

import asyncio

from serving.jobs.slots import Slots


class Others:
    count = 0

    def __call__(self) -> int:
        return self.count


async def taken(
    slots: Slots, tasks: int
) -> tuple[list[int], asyncio.Event, list[asyncio.Task[None]]]:
    """Tasks that hold a slot until an event; which of them have one."""
    inside, go_on = list[int](), asyncio.Event()

    async def hold(number: int) -> None:
        async with slots.acquired():
            inside.append(number)
            await go_on.wait()

    running = [asyncio.ensure_future(hold(number)) for number in range(tasks)]
    await asyncio.sleep(0.05)
    return inside, go_on, running


async def test_so_many_at_a_time_in_their_order() -> None:
    inside, go_on, running = await taken(Slots(2, Others(), 0.01), 5)
    assert inside == [0, 1]
    go_on.set()
    await asyncio.gather(*running)
    assert inside == [0, 1, 2, 3, 4]


async def test_one_while_others_wait_and_all_again_when_they_are_done() -> None:
    others = Others()
    others.count = 1
    inside, go_on, running = await taken(Slots(3, others, 0.01), 4)
    assert inside == [0]
    others.count = 0
    await asyncio.sleep(0.05)
    assert inside == [0, 1, 2]
    go_on.set()
    await asyncio.gather(*running)


async def test_a_task_that_is_cancelled_while_it_waits_takes_no_slot() -> None:
    inside, go_on, running = await taken(Slots(1, Others(), 0.01), 3)
    running[1].cancel()
    await asyncio.wait({running[1]})
    go_on.set()
    await asyncio.gather(running[0], running[2])
    assert inside == [0, 2]
