"""Keeps the blocks that the recorded program itself asked for, in a raw heaptrack stream.

A hosted process also allocates what no microcontroller has: tables of a crypto library that it
merely links, the C++ runtime of the recorder. A block is kept when the nearest caller outside libc
lies in a module whose file name starts with one of the given names; strdup and the like therefore
count for their caller. Times and order stay as recorded.

usage: own_blocks.py NAME... < raw > raw
"""

import bisect
import os
import sys

LIBC = "libc.so"


class Modules:
    """Which module an address lies in, from the `m` lines."""

    def __init__(self):
        self.clear()

    def clear(self):
        """Forgets everything: a new list of modules follows."""
        self.starts, self.ranges = [], []

    def add(self, name, base, segments):
        """Adds a module's segments, given as offset, size, offset, size, ..."""
        for offset, size in zip(segments[::2], segments[1::2]):
            start = base + offset
            at = bisect.bisect(self.starts, start)
            self.starts.insert(at, start)
            self.ranges.insert(at, (start + size, name))

    def name_at(self, address):
        """The file name of the module at an address; empty when there is none."""
        at = bisect.bisect(self.starts, address) - 1
        if at < 0 or address >= self.ranges[at][0]:
            return ""
        return self.ranges[at][1]


class Filter:
    """Decides, line by line, what stays."""

    def __init__(self, own):
        self.own = tuple(own)
        self.modules = Modules()
        self.program = ""
        self.frames = [(0, 0)]  # trace index -> (address, caller's trace index)
        self.verdicts = {}  # trace index -> is it ours
        self.kept = set()  # addresses of the live blocks that stay

    def is_own(self, trace):
        """Whether the nearest caller outside libc is in one of our modules."""
        if trace not in self.verdicts:
            at, name = trace, LIBC
            while at and name.startswith(LIBC):
                address, at = self.frames[at]
                name = self.modules.name_at(address)
            self.verdicts[trace] = name.startswith(self.own)
        return self.verdicts[trace]

    def stays(self, line):
        """Follows one line of the stream and says whether it stays."""
        kind, *fields = line.split()
        if kind == "+":
            _size, trace, address = (int(field, 16) for field in fields)
            if self.is_own(trace):
                self.kept.add(address)
                return True
            return False
        if kind == "-":
            address = int(fields[0], 16)
            stays = address in self.kept
            self.kept.discard(address)
            return stays
        if kind == "t":
            address, caller = (int(field, 16) for field in fields)
            self.frames.append((address, caller))
        elif kind == "x":
            self.program = os.path.basename(fields[-1])
        elif kind == "m" and fields[1] == "-":
            self.modules.clear()
        elif kind == "m":
            _length, path, base, *segments = fields
            name = self.program if path == "x" else os.path.basename(path)
            self.modules.add(name, int(base, 16), [int(field, 16) for field in segments])
        return True


def main():
    """Copies what stays from standard input to standard output."""
    if len(sys.argv) < 2:
        sys.exit("usage: own_blocks.py NAME... < raw > raw")
    sieve = Filter(sys.argv[1:])
    for line in sys.stdin:
        if line.strip() and sieve.stays(line):
            sys.stdout.write(line)


if __name__ == "__main__":
    main()
