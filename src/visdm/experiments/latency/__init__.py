"""What isolation costs in time: until a job starts, and while it trains."""
