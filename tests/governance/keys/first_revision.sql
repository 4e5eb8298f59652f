-- A keyring as it was before it told its revision; for PostgreSQL, BLOB is BYTEA and X'..' is '\x..'.
CREATE TABLE ebb_keyring (
	name TEXT NOT NULL,
	value BLOB NOT NULL,
	PRIMARY KEY (name)
);
INSERT INTO ebb_keyring VALUES('salt',X'21503ba1cea39601669f00ce16c0333ec0fe3b094b6eb51f0b66c2c4c90a540e');
INSERT INTO ebb_keyring VALUES('check',X'f5e8ecfa54198615dbe3c7c9291a6b905d89a2affd5b5c39c01c28a51b0b296b');
INSERT INTO ebb_keyring VALUES('ops_public',X'07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c');
CREATE TABLE ebb_keys (
	use TEXT NOT NULL,
	purpose TEXT NOT NULL,
	system TEXT NOT NULL,
	recipient TEXT NOT NULL,
	epoch TEXT NOT NULL,
	wrapped BLOB NOT NULL,
	public BLOB,
	made TEXT NOT NULL,
	expires TEXT,
	PRIMARY KEY (use, purpose, system, recipient, epoch)
);
INSERT INTO ebb_keys VALUES('personal','statistics','sepp','','2026H2',X'dec20178509699c96dca24e3770d8ac530ec9293519612f958b96df3dcf013631bc97ec48383092e',NULL,'2026-11-23T09:30:00.000000Z',NULL);
INSERT INTO ebb_keys VALUES('sealing','dead_letters','','','2026-11-23',X'0169dacc81fde011faaeb96b6af54a2a220aee898a897db3be1e2c50bc5ec855b8b6b3c46c58edb0a1d39d265af3186ccebb6006905972f06144858c45191ec66f831e1ef475b2dd29f6cbd3cb4e4dd8',X'f6edfeed51aae6f037aef9b1cedc8e00b0832c12eda7c7b0ad316793ea5d1575','2026-11-23T09:30:00.000000Z',NULL);
INSERT INTO ebb_keys VALUES('sealing','vault.identity','','','2026-11-21',X'df5ba557f66381bc67c83e4bf96d403b4cb0d6515458258f669badb0315c161f079b5d1aae4fdbbe44fddf8f986ceb07011e5654db2979c128c7e8c186c4f4d1b4a864d1ab09f851ac900ba2de1c8665',X'a7a9543b30fa5c165e0d63c8dbe4748ddeac3fc97ecb7d86ae2b0e4ae54e0751','2026-11-23T09:30:00.000000Z',NULL);
INSERT INTO ebb_keys VALUES('sealing','vault.content','','','2026-11-21',X'f7e9e6fa3e4d68f4ad9ea94f523c721ed0304c36d24e2679aac863853488ec65a1f9c03b184eb57e1a55888ec3f9669a3a200aaa045e68889389b242d90a3e7f8176ac3f50f6a461610e51e5623eebaa',X'c9b10c4731db002fa49a997dc3a9a40a0b02d806e4d5cd269650959463f19d30','2026-11-23T09:30:00.000000Z',NULL);
INSERT INTO ebb_keys VALUES('destroyed','vault.identity','','','2026-11-20',X'',NULL,'2026-11-23T09:30:00.000000Z',NULL);
INSERT INTO ebb_keys VALUES('destroyed','vault.content','','','2026-11-20',X'',NULL,'2026-11-23T09:30:00.000000Z',NULL);
