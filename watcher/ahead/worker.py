"""The process that reads ahead: requests on standard input, answers on standard output.

`python -I -m watcher.ahead.worker`, started by `watcher.ahead.process` and by nobody else. It
ends with its standard input, whatever it is doing: whoever asked is gone, then.
"""

import gc
import os
import sys
import threading
from queue import SimpleQueue

from watcher.ahead.protocol import READY, answer, read_request, receive
from watcher.contents import read_part

_GC_THRESHOLD = 50_000
"""New objects before the collector looks: documents are many objects and no cycles."""


def _take_requests(waiting: SimpleQueue[bytes]) -> None:
    """Read requests as they come, so that the asker can write while this process does; it asks little."""
    while (body := receive(sys.stdin.buffer)) is not None:
        waiting.put(body)
    os._exit(0)


def main() -> None:
    """Answer until standard input ends."""
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)
    waiting: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_take_requests, args=(waiting,), daemon=True).start()
    answers = sys.stdout.buffer
    try:
        answers.write(READY)
        answers.flush()
        while True:
            asked = read_request(waiting.get())
            answers.write(
                answer(
                    [
                        list(read_part(part, asked.namespace, config_maps=asked.config_maps))
                        for part in asked.documents
                    ]
                )
            )
            answers.flush()
    except BrokenPipeError:
        os._exit(0)


if __name__ == "__main__":
    main()
