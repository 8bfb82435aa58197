"""What measures misfold: every module prints one JSON object as its last line."""
