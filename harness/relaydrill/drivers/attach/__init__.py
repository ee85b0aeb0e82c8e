"""The attach driver: labs that run already, by address."""
