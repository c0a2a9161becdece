"""The demo's MQTT broker: amqtt on loopback, so that nothing needs to be installed. For the demo, never for a plant.

`python -m plantpulse.demo.broker --port 1883` runs until it is told to stop. Everything is said explicitly: amqtt's
own defaults listen on every interface.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from typing import Any

from amqtt.broker import Broker  # type: ignore[import-untyped]  # amqtt ships no type information
from amqtt.errors import BrokerError  # type: ignore[import-untyped]  # as above

LOOPBACK = "127.0.0.1"


def broker_configuration(port: int) -> dict[str, Any]:
    """Return amqtt's configuration: one listener on loopback, everyone there may do everything."""
    return {
        "listeners": {"default": {"type": "tcp", "bind": f"{LOOPBACK}:{port}", "max_connections": 100}},
        "timeout_disconnect_delay": 2,
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }


async def serve(port: int) -> None:
    """Run the broker until SIGTERM or SIGINT.

    Raises:
        BrokerError: the port is taken.
    """
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    broker = Broker(broker_configuration(port))
    await broker.start()
    try:
        await stop.wait()
    finally:
        # It keeps nothing that anyone needs: clients that do not hang up are not waited for.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(broker.shutdown(), timeout=2.0)


def main() -> int:
    """Parse the port, serve, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m plantpulse.demo.broker", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        asyncio.run(serve(arguments.port))
    except BrokerError as error:
        print(f"broker: cannot listen on {LOOPBACK}:{arguments.port} ({error})", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
