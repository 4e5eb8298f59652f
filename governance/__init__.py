"""What was promised, agreed and done: policy, keys, ledger."""
