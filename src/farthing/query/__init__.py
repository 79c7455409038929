"""Questions about what was spent: a pure value, its SQL, and the engines that answer it."""
