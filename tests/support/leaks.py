"""Open files and new threads of this process, for tests that look for leaks."""

import gc
import os
import threading

File = tuple[int, int, int]


def open_files() -> set[File]:
    """Return the open files of this process: the number, the device and the inode of each."""
    gc.collect()
    found = set()
    for number in map(int, os.listdir("/dev/fd")):
        try:
            status = os.fstat(number)
        except OSError:
            # The directory itself was open while it was listed.
            continue
        found.add((number, status.st_dev, status.st_ino))
    return found


def threads_since(before: list[threading.Thread]) -> list[threading.Thread]:
    """Return the threads of this process that are not in an earlier list of them."""
    return [thread for thread in threading.enumerate() if thread not in before]
