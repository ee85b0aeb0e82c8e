"""What the logs of mail servers say: lines from wherever they are, and what each means. Pure."""
