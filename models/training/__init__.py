"""Make what the gateways run; needs the extra `train` and never runs on a gateway."""
