"""A class on one server: many people open a lab within seconds, then move a slider every few seconds.

Plain HTTP on loopback, as a browser asks it: each person a connection of their own, every request with parameters of
its own, so that no cache helps. Bounded in people and time. Run as a process of its own, so that the load does not
share the server's interpreter: python tests/benchmarks/classroom.py URL SLUG PEOPLE; it prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import httpx
import numpy as np

ARRIVE_SECONDS = 10.0
THINK_SECONDS = 3.0
MOVES = 6


async def person(url: str, slug: str, number: int, seen: dict[str, list]) -> None:
    """One visitor: the page, its first result, then moves of the slider."""
    rng = np.random.default_rng(number)
    await asyncio.sleep(rng.uniform(0, ARRIVE_SECONDS))
    async with httpx.AsyncClient(base_url=url, timeout=30, verify=False) as client:
        begun = time.perf_counter()
        page = await client.get(f"/{slug}", headers={"accept-encoding": "br"})
        assert page.status_code == 200
        for move in range(MOVES + 1):
            if move:
                await asyncio.sleep(THINK_SECONDS * rng.uniform(0.7, 1.3))
                begun = time.perf_counter()
            seed = number * 1000 + move
            question = {"params": {"seed": seed}, "view": 1, "id": seed}
            try:
                reply = (await client.post(f"/orrery-ask/{slug}", json=question)).json()
            except (httpx.HTTPError, ValueError) as error:
                seen["lost"].append(f"{type(error).__name__}: {error}")
                continue
            seen["first" if move == 0 else "later"].append(time.perf_counter() - begun)
            parts = json.dumps(reply.get("provenance"))
            if reply.get("id") != seed or f"seed {seed}" not in parts:
                seen["mixed"].append(seed)


async def school(url: str, slug: str, people: int) -> dict[str, object]:
    """Everyone at once; seconds to the first result and to later ones, and what was lost or mixed up."""
    seen: dict[str, list] = {"first": [], "later": [], "lost": [], "mixed": []}
    await asyncio.gather(*(person(url, slug, number, seen) for number in range(people)))
    quantiles = {
        f"{kind}_p{share}": float(np.percentile(seen[kind], share)) if seen[kind] else None
        for kind in ("first", "later")
        for share in (50, 95)
    }
    counts = {"answers": len(seen["first"]) + len(seen["later"]), "lost": len(seen["lost"]), "mixed": len(seen["mixed"])}
    return {"people": people, **quantiles, **counts, "example_of_lost": (seen["lost"] or [""])[0]}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(school(sys.argv[1], sys.argv[2], int(sys.argv[3])))))
