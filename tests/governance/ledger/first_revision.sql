-- A ledger as it was before it told its revision; for PostgreSQL, BLOB is BYTEA and X'..' is '\x..'.
CREATE TABLE ebb_ledger (
	number INTEGER NOT NULL,
	recorded TEXT NOT NULL,
	kind TEXT NOT NULL,
	reference TEXT NOT NULL,
	commitment BLOB NOT NULL,
	link BLOB NOT NULL,
	PRIMARY KEY (number)
);
INSERT INTO ebb_ledger VALUES(1,'2026-11-23T09:30:00.000000+00:00','sweep.plan','digest-0',X'89d773a99c795e6a3fecccf1b56bc922905273b25b6e281708c6e4bd41e9c304',X'e7c9f9ac23efe0520ea1ecd0e3c2002d0624998a17ad1992308cbcf8c3d511cc');
INSERT INTO ebb_ledger VALUES(2,'2026-11-23T09:30:01.000000+00:00','sweep.plan','digest-1',X'21afd265e2d45ca7d78584bb70c297a1f686033a1d9ed320e995a2d2f7cb664f',X'58d4a4432b9bd615c9eda9926d21c41f795348753ef9bda81a2b2670408b7b7f');
INSERT INTO ebb_ledger VALUES(3,'2026-11-23T09:30:02.000000+00:00','sweep.plan','digest-2',X'3a1aa183a72c4c997a95b49b237b732a32b4da62ea94e02548fa79eaecb2afcc',X'35b091f60a230f250c76fe5eb12f049b67636f1779f5764e03e9a35203a4e5a8');
INSERT INTO ebb_ledger VALUES(4,'2026-11-23T09:30:03.000000+00:00','sweep.plan','digest-3',X'40769dde58aa3b0bd6c35b34cb37e5dd39c31da463b01860056af0bdebba386e',X'6719e3cda426df0bd178801ae21a368cfa6fc30bc7b0b506041a55417153657e');
CREATE TABLE ebb_ledger_payloads (
	number INTEGER NOT NULL,
	salt BLOB NOT NULL,
	payload TEXT NOT NULL,
	PRIMARY KEY (number)
);
INSERT INTO ebb_ledger_payloads VALUES(1,X'dbcf9207bcd7b66545c99de84c746a6e','{"n":0}');
INSERT INTO ebb_ledger_payloads VALUES(3,X'823f56fbcfe70cecd9e2b06efb5452d0','{"n":2}');
INSERT INTO ebb_ledger_payloads VALUES(4,X'79176e02cb66be3c702b259b231ba6fb','{"n":3}');
CREATE TABLE ebb_ledger_head (
	one INTEGER NOT NULL,
	number INTEGER NOT NULL,
	link BLOB NOT NULL,
	PRIMARY KEY (one)
);
INSERT INTO ebb_ledger_head VALUES(1,4,X'6719e3cda426df0bd178801ae21a368cfa6fc30bc7b0b506041a55417153657e');
CREATE INDEX ix_ebb_ledger_reference ON ebb_ledger (reference);
