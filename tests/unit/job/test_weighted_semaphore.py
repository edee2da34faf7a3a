from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from pipeline.job.stages.weighted_semaphore import WeightedSemaphore


@given(places=st.integers(1, 4), wishes=st.lists(st.integers(1, 4), max_size=12))
def test_never_more_than_there_is_room_for(places: int, wishes: list[int]):
    async def visits() -> None:
        room, inside, done = WeightedSemaphore(places), [], []

        async def visit(number: int, wish: int) -> None:
            async with room.acquire(wish):
                inside.append(wish)
                await asyncio.sleep(0)
                assert sum(inside) <= places
                await asyncio.sleep(0)
                inside.remove(wish)
            done.append(number)

        fitting = [min(wish, places) for wish in wishes]
        await asyncio.gather(*(visit(number, wish) for number, wish in enumerate(fitting)))
        assert sorted(done) == list(range(len(wishes)))

    asyncio.run(visits())


async def test_who_wants_all_is_not_put_off_for_ever():
    room, order = WeightedSemaphore(2), []

    async def visit(name: str, places: int) -> None:
        async with room.acquire(places):
            order.append(name)
            await asyncio.sleep(0)

    names = [("early", 1), ("early", 1), ("alone", 2), ("late", 1), ("late", 1)]
    await asyncio.gather(*(visit(name, places) for name, places in names))
    assert order == ["early", "early", "alone", "late", "late"]


async def test_who_gives_up_leaves_no_gap():
    room = WeightedSemaphore(2)

    async def stay() -> None:
        async with room.acquire():
            await asyncio.sleep(60)

    staying = [asyncio.create_task(stay()) for _ in range(2)]
    await asyncio.sleep(0)
    waiting = asyncio.create_task(room.acquire(2).__aenter__())
    behind = asyncio.create_task(room.acquire(1).__aenter__())
    await asyncio.sleep(0)
    staying[0].cancel()
    await asyncio.sleep(0)
    assert not behind.done(), "it is not its turn"
    waiting.cancel()
    await behind
    staying[1].cancel()
    await asyncio.gather(waiting, *staying, return_exceptions=True)
    async with room.acquire(1):
        pass
