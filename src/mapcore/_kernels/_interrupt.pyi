from collections.abc import Callable

class Watch:
    raised: BaseException | None
    def __init__(self, interrupt: Callable[[], None] | None = None) -> None: ...
