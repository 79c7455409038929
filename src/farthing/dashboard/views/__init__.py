"""Page data from results and records. Pure: each view says what it asks for, and turns the answers into values."""
