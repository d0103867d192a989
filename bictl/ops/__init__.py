"""Across the stages: locks, signals, logs, crash reports, the ledger of runs."""
