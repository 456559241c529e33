"""OBSERVE what a program does to ``Value``s, without a hook in the engine: for those who trace, watch and compile."""
