"""The canary: identifiers planted in events, whole jobs run over them, every byte read afterwards."""
