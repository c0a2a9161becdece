"""The book: machines, gateways, alarms, evidence, audit, quarantine, in SQL (SQLite or PostgreSQL)."""
