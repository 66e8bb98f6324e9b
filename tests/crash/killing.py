"""Killing: the bot of a machine dies at a moment, and is started again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.crash.machine import Asking, Machine, Replica, Tally
    from tests.crash.moments import Moment


def at_work(machine: Machine) -> Replica:
    """The machine's bot, started if need be."""
    bot = machine.replicas.get("data") or machine.replica()
    if not bot.is_running:
        bot.start()
    return bot


def killed(machine: Machine, moment: Moment) -> Tally:
    """What comes of an asking at whose `moment` the bot is killed."""
    bot = at_work(machine)
    hold = moment.place(machine)
    asking = machine.ask(moment.text, kind=moment.kind, has_rows=moment.has_rows)
    hold.arrived(30)
    bot.kill()
    hold.drop()
    return done(machine, bot, asking)


def done(machine: Machine, bot: Replica, asking: Asking) -> Tally:
    """Start a bot, and wait for what comes of an asking."""
    bot.start()
    assert machine.until_done([asking]), bot.trouble
    return machine.tally([asking])
