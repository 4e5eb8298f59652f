"""The vault of transactions: records kept identifiable for their floor, under keys that end on their due dates."""
