"""Our processes: `python -m infra.processes.NAME` for api, conversation, metering, projector, recorder, watchdog and
worker. Each module here puts one together from all rooms; `runner` does what they have in common.
"""
