"""`plantpulse models …`: what people at a desk do with models; one module per verb."""
