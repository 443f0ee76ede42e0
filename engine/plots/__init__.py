"""The parts of `engine.plot`: what is shown, where it stands, how it looks, and how it becomes a file."""
