"""What failures cost a year: how long each flow is out of service, and what of that is whose."""
