"""Decision -> CarePlan, and the way it is written: journal, look, write, read back, compare."""
