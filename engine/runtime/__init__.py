"""Where threads live: the clock, the pool of workers, and the three kinds of actors. It has no opinions."""
