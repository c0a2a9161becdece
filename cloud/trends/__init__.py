"""Trends: what machines did over time, at several grains, behind one protocol (`store.TrendStore`)."""
