"""Answers that come at a fixed pace after their requests: how long something took shows in none of them."""

import asyncio

import msgspec

__all__ = ["Paced"]


class Paced(msgspec.Struct, frozen=True):
    """Lets answers come at multiples of `quantum` seconds after their requests; 0 is at once."""

    quantum: float

    def left(self, taken: float) -> float:
        """Return how many seconds are left to the next multiple after so many were taken."""
        return -taken % self.quantum if self.quantum else 0.0

    async def until(self, began: float) -> None:
        """Wait for the next multiple, counted from `began` on the loop's clock."""
        await asyncio.sleep(self.left(asyncio.get_running_loop().time() - began))
