"""The full-screen view of a run, live or over: `netreel watch`. It only reads.

* who reads the log, and when?                 `replay.watch.source`
* how did it stand at a moment, and why?       `replay.watch.moments`, `replay.watch.cursor`
* where stands a resource in the tree?         `replay.watch.outline`
* what is said of it there?                    `replay.watch.notes`
* what does the time line show?                `replay.watch.marks`
* how does a trace come in while it grows?     `replay.watch.tail`
* what does each part of the screen look like? `replay.watch.table`, `replay.watch.panel`, `replay.watch.bar`
* what does a key do?                          `replay.watch.app`
"""
