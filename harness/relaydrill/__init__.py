"""Relaydrill: if this machine dies, does mail still flow, and is any of it lost?"""

__version__ = "0.1.0"
