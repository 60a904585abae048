"""Values in, values out: the rules of the market, with no I/O, clock or randomness."""
