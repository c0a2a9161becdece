"""The gateway: samples in, decisions into the journal, records out over MQTT."""
