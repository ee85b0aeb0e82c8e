"""What the harness catches, and what it falsely alarms at: see docs/inside/sensitivity.md."""
