"""A store that writes down what it is asked, and fails where a test says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embzarr.errors import UnsupportedError
from faulty import PassThrough

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from embzarr._storage.port import Body, Data, ObjectInfo, Store


class Recorder(PassThrough):
    """Every request, in the order in which they began."""

    def __init__(
        self,
        store: Store,
        *,
        before_create: Callable[[str], None] | None = None,
        after_create: Callable[[str], None] | None = None,
        can_list: bool = True,
    ) -> None:
        """Call the two functions with the key of every create; either may raise."""
        super().__init__(store)
        self.log: list[tuple[str, str]] = []
        self._before = before_create or _nothing
        self._after = after_create or _nothing
        self._can_list = can_list

    def get(self, key: str) -> Data:
        """Note, and ask."""
        self.log.append(("get", key))
        return super().get(key)

    def get_range(self, key: str, start: int, length: int) -> Data:
        """Note, and ask."""
        self.log.append(("get", key))
        return super().get_range(key, start, length)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Note, and ask or refuse."""
        self.log.append(("list", prefix))
        if not self._can_list:
            raise UnsupportedError("store-cannot-list", "this store cannot list")
        return super().list(prefix)

    def put(self, key: str, data: Body) -> None:
        """Note, and ask."""
        self.log.append(("put", key))
        super().put(key, data)

    def create(self, key: str, data: Body) -> None:
        """Note, and ask, calling the test's functions before and after."""
        self.log.append(("create", key))
        self._before(key)
        super().create(key, data)
        self._after(key)

    def delete(self, key: str) -> None:
        """Note, and ask."""
        self.log.append(("delete", key))
        super().delete(key)

    def keys(self, verb: str) -> Sequence[str]:
        """Return the keys that were asked for with a verb."""
        return [key for done, key in self.log if done == verb]


def _nothing(_: str) -> None:
    """Do nothing."""
