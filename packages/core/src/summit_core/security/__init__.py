"""Who may do what, and how one service knows another."""
