"""Sending hosts: schedules, personas, real mail servers and Locust workers behind one journal."""
