"""The cloud: what gateways report is stored, shown and answered."""
