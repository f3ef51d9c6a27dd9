"""The audit as it is kept: chained, checked, shown; and the hand-over brief that is made from it."""
