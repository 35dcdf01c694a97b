#!/usr/bin/env python3
"""A proxy that keeps what clients say: one of each kind of message, as the fuzzing's seeds.

    capture.py LISTEN-PORT SERVER-PORT FILE

The file has the packets of the startup phase, then frames. A message is kept if its tag, the length
of its names and the formats of its values are new; long ones are left out. Stop it by SIGTERM.
"""

import os
import pathlib
import signal
import socket
import sys
import threading

LONGEST = 1500
MOST = 40


class Kept:
    """Messages by what makes them different."""

    def __init__(self):
        self.startup, self.frames, self.seen = [], [], {}
        self.lock = threading.Lock()

    def add_startup(self, packet):
        with self.lock:
            if len(self.startup) < 4:
                self.startup.append(packet)

    def add(self, frame):
        shape = (frame[:1], bytes(b for b in frame[5:60] if b < 32), len(frame) // 16)
        with self.lock:
            of_tag = self.seen.setdefault(frame[:1], set())
            if shape not in of_tag and len(of_tag) < MOST and len(frame) <= LONGEST:
                of_tag.add(shape)
                self.frames.append(frame)

    def save(self, path):
        pathlib.Path(path).write_bytes(b"".join(self.startup + self.frames))


def cut(data, kept, state):
    """Takes whole messages off the front of what a client sent."""
    while True:
        head = 0 if state["startup"] else 1
        if len(data) < head + 4:
            return data
        length = head + int.from_bytes(data[head : head + 4], "big")
        if len(data) < length:
            return data
        message, data = data[:length], data[length:]
        if not state["startup"]:
            kept.add(message)
            continue
        kept.add_startup(message)
        state["startup"] = message[4:8] in (b"\x04\xd2\x16\x2f", b"\x04\xd2\x16\x30")


def pump(source, target, told):
    try:
        while data := source.recv(1 << 16):
            told(data)
            target.sendall(data)
    except OSError:
        pass
    for each in (source, target):
        try:
            each.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(client, port, kept):
    server = socket.create_connection(("127.0.0.1", port))
    state, rest = {"startup": True}, [b""]

    def told(data):
        rest[0] = cut(rest[0] + data, kept, state)

    threading.Thread(target=pump, args=(server, client, lambda _: None), daemon=True).start()
    pump(client, server, told)


def main():
    listen, port, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    kept = Kept()

    def stop(*_):
        kept.save(path)
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    with socket.create_server(("127.0.0.1", listen)) as door:
        while True:
            client, _ = door.accept()
            threading.Thread(target=serve, args=(client, port, kept), daemon=True).start()


main()
