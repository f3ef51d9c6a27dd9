"""Which asset, on which plan, through which states: pure functions without clock, network or state of their own."""
