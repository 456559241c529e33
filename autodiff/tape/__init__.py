"""SCALE it: what was recorded as a program of instructions, run by arrays, by machine code, or in the browser."""
