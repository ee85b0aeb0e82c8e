"""What the harness catches, and what it falsely alarms at: see docs/sensitivity.md."""
