"""The pure core: events in, instructions out.

What an experiment is and how it changes, as plain values and functions. It imports nothing but the standard library
and msgspec, whose structs its values are, and has no thread, clock, file, socket or chance: time is an argument,
outcomes are messages. So the live engine, the replayer and the simulation run the very same code.

Where to look:

* what may follow READY?                 `states.TRANSITIONS`
* which events are there?                `events`
* what does an event change?             `apply`
* is this request allowed?               `decide`
* when is a condition met?               `conditions`
* what happens next?                     `plan`
* how do these make a turn?              `kernel`
* what does this resource wait for?      `story`
* can these conditions ever hold?        `topology`
"""
