"""Loads an MQTT broker like a small building: sensor nodes, displays, a logger.

One thread drives every client from a fixed timetable and a fixed random seed, so two runs send
the same packets in the same order; only the arrival times differ, by scheduling.

usage: mqtt_load.py PORT SECONDS
"""

import json
import random
import selectors
import socket
import sys
import time

from paho.mqtt.client import MQTTv5, MQTTv311, Client
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

HOST = "127.0.0.1"
TICK = 0.01
FLOORS = 6

# name, topic filters with QoS, clean session, protocol
SUBSCRIBERS = [
    ("wall-display", [("site/#", 0)], True, MQTTv311),
    ("floor-1", [("site/f1/+", 0)], True, MQTTv311),
    ("floor-2", [("site/f2/+", 0)], True, MQTTv311),
    ("floor-3", [("site/f3/temperature", 0), ("site/f3/humidity", 0)], True, MQTTv311),
    ("heating", [("site/+/temperature", 1)], True, MQTTv311),
    ("alarm-panel", [("site/+/alarm", 2)], True, MQTTv311),
    ("energy", [("site/+/power", 1)], True, MQTTv5),
    ("logger", [("site/+/power", 1), ("site/+/alarm", 2), ("door/+", 1)], False, MQTTv311),
    ("presence", [("site/+/status", 1)], True, MQTTv311),
    ("settings", [("cfg/#", 1)], True, MQTTv311),
    ("updater", [("fw/+/chunk", 1)], True, MQTTv5),
    ("service", [("$SYS/broker/clients/#", 0), ("cfg/f1/limits", 1)], True, MQTTv311),
]


class Load:
    """The clients, the timetable and the counters of one session."""

    def __init__(self, port):
        self.port = port
        self.rng = random.Random(20261123)
        self.selector = selectors.DefaultSelector()
        self.clients = {}
        self.sent = self.received = 0

    def connect(self, name, clean=True, protocol=MQTTv311, will=None, keepalive=15):
        """Opens one session and waits for the broker's answer."""
        if protocol == MQTTv5:
            client = Client(client_id=name, protocol=protocol)
        else:
            client = Client(client_id=name, clean_session=clean, protocol=protocol)
        if will:
            client.will_set(will, "offline", qos=1, retain=True)
        client.on_message = self._count
        client.connect(HOST, self.port, keepalive=keepalive)
        self.clients[name] = client
        self.selector.register(client.socket(), selectors.EVENT_READ, client)
        deadline = time.monotonic() + 5
        while not client.is_connected():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name}: the broker does not answer")
            self.run_for(TICK)
        return client

    def _count(self, _client, _userdata, _message):
        self.received += 1

    def drop(self, name, politely=True):
        """Ends a session with DISCONNECT, or breaks the link so that the will is published."""
        client = self.clients.pop(name)
        self.selector.unregister(client.socket())
        if politely:
            client.disconnect()
        else:
            client.socket().shutdown(socket.SHUT_RDWR)
        client.loop_read()

    def publish(self, name, topic, payload, qos=0, retain=False, properties=None):
        """Publishes from a connected client."""
        self.clients[name].publish(topic, payload, qos, retain, properties)
        self.sent += 1

    def run_for(self, seconds):
        """Serves every socket until the time is over."""
        end = time.monotonic() + seconds
        while True:
            left = end - time.monotonic()
            for key, _ in self.selector.select(max(left, 0)):
                key.data.loop_read()
            for client in list(self.clients.values()):
                if client.want_write():
                    client.loop_write()
                client.loop_misc()
            if left <= 0:
                return

    # ---- what the devices say ------------------------------------------------------------

    def reading(self, floor, tick):
        """A small JSON record, about 35 bytes."""
        value = round(20 + floor + self.rng.uniform(-2, 2), 2)
        return json.dumps({"v": value, "u": "C", "n": tick})

    def meter(self, floor, tick):
        """A meter's record over several circuits, 200 to 500 bytes."""
        circuits = [
            {"u": round(self.rng.uniform(225, 235), 1), "i": round(self.rng.uniform(0, 16), 2)}
            for _ in range(self.rng.randint(6, 16))
        ]
        return json.dumps({"meter": f"em-{floor:04d}", "seq": tick, "unit": "VA", "circuits": circuits})

    def node_online(self, floor):
        """Connects a floor's node with its will and its retained messages."""
        name = f"node-{floor}"
        status = f"site/f{floor}/status"
        self.connect(name, protocol=MQTTv5 if floor == 6 else MQTTv311, will=status)
        self.publish(name, status, "online", qos=1, retain=True)
        limits = json.dumps({"low": 17 + floor, "high": 24 + floor, "hysteresis": 0.5})
        self.publish(name, f"cfg/f{floor}/limits", limits, qos=1, retain=True)

    def node_tick(self, floor, tick):
        """What one node sends in a tenth of a second; each kind of message has its period."""
        name, phase = f"node-{floor}", tick + 3 * floor
        if name not in self.clients:
            return
        if phase % 5 == 0:
            self.publish(name, f"site/f{floor}/temperature", self.reading(floor, tick))
        if phase % 8 == 0:
            self.publish(name, f"site/f{floor}/humidity", f"{self.rng.uniform(35, 60):.1f}")
        if phase % 10 == 0:
            properties = None
            if floor == 6:
                properties = Properties(PacketTypes.PUBLISH)
                properties.UserProperty = [("fw", "2.4.1"), ("rssi", str(-40 - tick % 30))]
            power = self.meter(floor, tick)
            self.publish(name, f"site/f{floor}/power", power, qos=1, properties=properties)
        if phase % 37 == 0:
            text = f"smoke {self.rng.random():.3f}"
            self.publish(name, f"site/f{floor}/alarm", text, qos=2)
        if floor == 1 and phase % 12 == 0:
            size = self.rng.randint(1024, 4096)
            self.publish(name, "fw/f1/chunk", self.rng.randbytes(size), qos=1)

    def door(self, number):
        """A battery sensor: connect, one message, disconnect."""
        name = f"door-{number % 4}"
        self.connect(name, keepalive=60)
        self.publish(name, f"door/{number % 4}", "open" if number % 2 else "closed", qos=1)
        self.run_for(2 * TICK)
        self.drop(name)

    def session(self, seconds):
        """The whole timetable, in tenths of a second."""
        for name, filters, clean, protocol in SUBSCRIBERS:
            self.connect(name, clean, protocol).subscribe(filters)
        for floor in range(1, FLOORS + 1):
            self.node_online(floor)
        start, ticks = time.monotonic(), int(seconds * 10)
        for tick in range(ticks):
            for floor in range(1, FLOORS + 1):
                self.node_tick(floor, tick)
            if tick % 15 == 7:
                self.door(tick // 15)
            if tick % 120 == 60:  # two nodes lose their link; they return four seconds later
                self.drop("node-3", politely=False)
                self.drop("node-5", politely=False)
            if tick % 120 == 100:
                self.node_online(3)
                self.node_online(5)
            if tick == ticks // 3:  # the logger restarts; the broker queues for it meanwhile
                self.drop("logger")
            if tick == ticks // 2:
                self.connect("logger", clean=False)
            if tick % 100 == 50:  # someone looks at one floor for a moment
                self.clients["service"].subscribe("site/f4/#", 0)
            if tick % 100 == 80:
                self.clients["service"].unsubscribe("site/f4/#")
            self.run_for(max(start + (tick + 1) / 10 - time.monotonic(), 0))
        for name in list(self.clients):
            self.drop(name)


def main():
    """Runs the session and prints what was exchanged."""
    load = Load(int(sys.argv[1]))
    load.session(float(sys.argv[2]))
    print(f"mqtt load: {load.sent} messages sent, {load.received} received")


if __name__ == "__main__":
    main()
