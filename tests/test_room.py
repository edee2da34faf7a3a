from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from pipeline.room import Room


@given(places=st.integers(1, 4), loners=st.lists(st.booleans(), max_size=12))
def test_never_more_than_there_is_room_for(places: int, loners: list[bool]) -> None:
    async def visits() -> None:
        room, inside, done = Room(places), [], []

        async def visit(number: int, is_loner: bool) -> None:
            async with room.alone() if is_loner else room.shared():
                inside.append(is_loner)
                await asyncio.sleep(0)
                assert len(inside) <= places
                assert len(inside) == 1 or not any(inside)
                await asyncio.sleep(0)
                inside.remove(is_loner)
            done.append(number)

        await asyncio.gather(*(visit(number, kind) for number, kind in enumerate(loners)))
        assert len(done) == len(loners)

    asyncio.run(visits())


async def test_a_loner_is_not_put_off_for_ever() -> None:
    room, order = Room(2), []

    async def visit(name: str) -> None:
        async with room.shared():
            order.append(name)
            await asyncio.sleep(0.01)

    async def loner() -> None:
        async with room.alone():
            order.append("loner")

    first = [asyncio.create_task(visit(f"early {n}")) for n in range(2)]
    await asyncio.sleep(0)
    alone = asyncio.create_task(loner())
    await asyncio.sleep(0)
    late = [asyncio.create_task(visit(f"late {n}")) for n in range(4)]
    await asyncio.gather(*first, alone, *late)
    assert order.index("loner") == 2


async def test_who_gives_up_leaves_no_gap() -> None:
    room = Room(2)

    async def stay() -> None:
        async with room.shared():
            await asyncio.sleep(60)

    staying = [asyncio.create_task(stay()) for _ in range(2)]
    await asyncio.sleep(0.01)
    waiting = asyncio.create_task(room.alone().__aenter__())
    await asyncio.sleep(0.01)
    for task in (waiting, *staying):
        task.cancel()
    await asyncio.gather(waiting, *staying, return_exceptions=True)
    async with asyncio.timeout(1), room.shared(), room.shared():
        pass
