"""AdmissionQueue, threads, and bodies within limits."""

from __future__ import annotations

import asyncio
import gzip
import threading
import tracemalloc
import zlib

import pytest

from pipeline.server.http_requests import (
    AdmissionQueue,
    BodyReader,
    Deadline,
    DeadlineExceeded,
    QueueFull,
    Refusal,
    WorkerPool,
)

SECONDS = 20


def test_a_deadline_passes_and_can_be_brought_forward():
    deadline = Deadline(SECONDS)
    assert 0 < deadline.remaining() <= SECONDS
    deadline.cancel()
    with pytest.raises(DeadlineExceeded):
        deadline.remaining()
    with pytest.raises(DeadlineExceeded):
        Deadline(0).remaining()


def test_turns_come_in_order_and_one_too_many_is_refused():
    async def play():
        queue, order = AdmissionQueue(1, 2), []

        async def one(name):
            await queue.acquire(Deadline(SECONDS))
            order.append(name)

        await one("first")
        waiting = [asyncio.create_task(one(name)) for name in ("second", "third")]
        await asyncio.sleep(0)
        with pytest.raises(QueueFull):
            await one("fourth")
        assert order == ["first"]
        queue.release()
        await waiting[0]
        queue.release()
        await waiting[1]
        return order

    assert asyncio.run(play()) == ["first", "second", "third"]


@pytest.mark.parametrize("end", ["cancelled", "late", "cancelled at its turn"])
def test_who_waits_no_more_leaves_the_turn_to_the_next(end):
    async def play():
        queue = AdmissionQueue(1, 2)
        await queue.acquire(Deadline(SECONDS))
        gone = asyncio.create_task(queue.acquire(Deadline(0.01 if end == "late" else SECONDS)))
        patient = asyncio.create_task(queue.acquire(Deadline(SECONDS)))
        await asyncio.sleep(0)
        if end == "late":
            await asyncio.wait([gone])
        if end == "cancelled at its turn":
            queue.release()
        gone.cancel()
        with pytest.raises(DeadlineExceeded if end == "late" else asyncio.CancelledError):
            await gone
        if end != "cancelled at its turn":
            queue.release()
        await asyncio.wait_for(patient, SECONDS)

    asyncio.run(play())


def test_work_that_takes_too_long_is_told_and_keeps_its_thread():
    """The caller hears at the deadline; the next work begins when the thread is free."""
    go = threading.Event()

    async def play():
        workers = WorkerPool("test", 1, 1)
        seen = []

        def endless(deadline):
            go.wait(SECONDS)
            try:
                deadline.remaining()
            except DeadlineExceeded:
                seen.append("told to end")

        with pytest.raises(DeadlineExceeded):
            await workers.run(endless, 0.05)
        with pytest.raises(DeadlineExceeded):
            await workers.run(lambda _: seen.append("too early"), 0.05)
        go.set()
        assert await workers.run(lambda _: 7, SECONDS) == 7
        workers.close()
        return seen

    assert asyncio.run(play()) == ["told to end"]


def test_work_of_a_caller_that_left_before_its_turn_is_not_begun():
    go = threading.Event()

    async def play():
        workers, begun = WorkerPool("test", 1, 1), []
        first = asyncio.create_task(workers.run(lambda _: go.wait(SECONDS), SECONDS))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(workers.run(begun.append, SECONDS))
        await asyncio.sleep(0.01)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        go.set()
        assert await first
        workers.close()
        return begun

    assert asyncio.run(play()) == []


def test_work_of_a_caller_that_leaves_is_told_to_end():
    begun, go = threading.Event(), threading.Event()

    async def play():
        workers, seen = WorkerPool("test", 1, 0), []

        def work(deadline):
            begun.set()
            go.wait(SECONDS)
            try:
                deadline.remaining()
            except DeadlineExceeded:
                seen.append("told to end")

        call = asyncio.create_task(workers.run(work, SECONDS))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        call.cancel()
        await asyncio.wait([call])
        go.set()
        workers.close()
        return seen

    assert asyncio.run(play()) == ["told to end"]


def test_an_error_of_work_comes_to_its_caller():
    def fail(_):
        raise KeyError("x")

    async def play():
        workers = WorkerPool("test", 1, 0)
        with pytest.raises(KeyError):
            await workers.run(fail, SECONDS)
        assert await workers.run(lambda _: 1, SECONDS) == 1
        workers.close()

    asyncio.run(play())


@pytest.mark.parametrize(
    ("encoding", "pack"), [("", bytes), ("gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_bodies_are_unpacked(encoding, pack):
    assert BodyReader(100, 100).decoded(pack(b"a" * 100), encoding) == b"a" * 100


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("gzip", b"{}", 400),
        ("gzip", b"", 400),
        ("gzip", gzip.compress(b"{}")[:-1], 400),
        ("gzip", gzip.compress(b"{}") + b"more", 400),
        ("deflate", gzip.compress(b"{}"), 400),
        ("gzip", gzip.compress(b"a" * 101), 413),
    ],
)
def test_what_cannot_be_unpacked_is_refused(encoding, body, status):
    with pytest.raises(Refusal) as raised:
        BodyReader(100, 100).decoded(body, encoding)
    assert raised.value.status == status


def test_a_bomb_is_not_unpacked_beyond_the_limit():
    bomb = gzip.compress(b"\0" * 2**25)
    tracemalloc.start()
    with pytest.raises(Refusal):
        BodyReader(1000, 1000).decoded(bomb, "gzip")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_bodies_count_together():
    bodies = BodyReader(100, 150)
    bodies.reserve(100)
    with pytest.raises(Refusal) as raised:
        bodies.reserve(60)
    assert (raised.value.status, raised.value.retry) == (503, True)
    bodies.release(100)
    bodies.reserve(60)
