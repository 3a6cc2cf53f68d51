package store

// statement numbers a prepared statement of the whole database.
type statement int

const (
	sqlBegin statement = iota
	sqlBeginImmediate
	sqlCommit
	sqlRollback
	sqlSavepoint
	sqlRelease
	sqlRollbackTo
	sqlSavepointOperation
	sqlReleaseOperation
	sqlRollbackToOperation
	sqlDataVersion
	sqlSchemaVersion
	sqlGetMeta
	sqlSetMeta
	sqlListCollections
	sqlFindCollection
	sqlAddCollection
	sqlDropCollection
	sqlGetCounters
	sqlSetCounters
	sqlGetPeerCheckpoint
	sqlSetPeerCheckpoint
	sqlGetLocalCheckpoint
	sqlSetLocalCheckpoint
	sqlFindRemote
	sqlAddRemote
	sqlGetInfo
	sqlSetInfo
	sqlDeleteInfo
	sqlListInfo
	sqlHasInfos
	sqlNthInfo
	sqlDropInfoUpTo
	sqlAddPending
	sqlDropPending
	sqlDropOldPending
	sqlListPending
	sqlLogConflict
	sqlPruneConflictLog
	sqlPruneConflictBodies
	sqlListConflictLog
	sqlRemoteURL
	sqlListRemotes
	sqlDropLocalCheckpoint
	sqlListSpaces
	sqlListPeerCheckpoints
	sqlListLocalCheckpoints
	numStatements
)

var statements = [numStatements]string{
	sqlBegin:               `BEGIN`,
	sqlBeginImmediate:      `BEGIN IMMEDIATE`,
	sqlCommit:              `COMMIT`,
	sqlRollback:            `ROLLBACK`,
	sqlSavepoint:           `SAVEPOINT one`,
	sqlRelease:             `RELEASE one`,
	sqlRollbackTo:          `ROLLBACK TO one`,
	sqlSavepointOperation:  `SAVEPOINT operation`,
	sqlReleaseOperation:    `RELEASE operation`,
	sqlRollbackToOperation: `ROLLBACK TO operation`,
	sqlDataVersion:         `PRAGMA data_version`,
	sqlSchemaVersion:       `PRAGMA schema_version`,

	sqlGetMeta: `SELECT value FROM meta WHERE key = ?`,
	sqlSetMeta: `INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value`,

	sqlListCollections: `SELECT id, scope, name FROM collections ORDER BY scope, name`,
	sqlFindCollection:  `SELECT id FROM collections WHERE scope = ? AND name = ?`,
	sqlAddCollection:   `INSERT INTO collections (scope, name) VALUES (?, ?) RETURNING id`,
	sqlDropCollection:  `DELETE FROM collections WHERE id = ?`,
	sqlGetCounters:     `SELECT last, live FROM collections WHERE id = ?`,
	sqlSetCounters:     `UPDATE collections SET last = ?, live = ? WHERE id = ?`,

	sqlGetPeerCheckpoint: `SELECT rev, body FROM peer_checkpoints WHERE client = ?`,
	sqlSetPeerCheckpoint: `INSERT INTO peer_checkpoints VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET rev = excluded.rev, body = excluded.body`,
	sqlGetLocalCheckpoint: `SELECT body FROM local_checkpoints WHERE id = ?`,
	sqlSetLocalCheckpoint: `INSERT INTO local_checkpoints VALUES (?, ?)
		ON CONFLICT DO UPDATE SET body = excluded.body`,

	sqlListPeerCheckpoints:  `SELECT client, rev, body FROM peer_checkpoints ORDER BY client`,
	sqlListLocalCheckpoints: `SELECT id, body FROM local_checkpoints ORDER BY id`,

	sqlDropLocalCheckpoint: `DELETE FROM local_checkpoints WHERE id = ?`,

	sqlFindRemote: `SELECT id FROM remotes WHERE url = ?`,
	sqlAddRemote:  `INSERT INTO remotes (url) VALUES (?) RETURNING id`,

	sqlGetInfo: `SELECT value FROM info WHERE space = ? AND key = ?`,
	sqlSetInfo: `INSERT INTO info VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET value = excluded.value`,
	sqlDeleteInfo:   `DELETE FROM info WHERE space = ? AND key = ?`,
	sqlHasInfos:     `SELECT 1 FROM info WHERE space = ? LIMIT 1 OFFSET ?`,
	sqlNthInfo:      `SELECT value FROM info WHERE space = ? ORDER BY value LIMIT 1 OFFSET ?`,
	sqlDropInfoUpTo: `DELETE FROM info WHERE space = ? AND value <= ?`,
	sqlListInfo:     `SELECT key, value FROM info WHERE space = ? ORDER BY key`,
	sqlListSpaces:   `SELECT DISTINCT space FROM info ORDER BY space`,

	sqlAddPending: `INSERT INTO pending_blobs VALUES (?, ?)
		ON CONFLICT DO UPDATE SET until = max(until, excluded.until)`,
	sqlDropPending:    `DELETE FROM pending_blobs WHERE digest = ?`,
	sqlDropOldPending: `DELETE FROM pending_blobs WHERE until <= ?`,
	sqlListPending:    `SELECT digest FROM pending_blobs`,

	sqlLogConflict:      `INSERT INTO conflict_log VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING n`,
	sqlPruneConflictLog: `DELETE FROM conflict_log WHERE n <= ?`,
	sqlPruneConflictBodies: `DELETE FROM conflict_log WHERE n <= (SELECT n FROM (
		SELECT n, sum(octet_length(local_body) + octet_length(remote_body)) OVER (ORDER BY n DESC) AS bytes
		FROM conflict_log) WHERE bytes > ? ORDER BY n DESC LIMIT 1)`,
	sqlListConflictLog: `SELECT n, time, collection, id, remote, winner, why, local_rev, local_deleted, local_body,
		remote_rev, remote_deleted, remote_body, result_rev FROM conflict_log
		WHERE n < ?1 AND (?2 = '' OR collection = ?2) AND (?3 = '' OR id = ?3) ORDER BY n DESC LIMIT ?4`,
	sqlRemoteURL:   `SELECT url FROM remotes WHERE id = ?`,
	sqlListRemotes: `SELECT id, url FROM remotes ORDER BY id`,
}

// collStatement numbers a prepared statement of one collection.
type collStatement int

const (
	sqlInsertDoc collStatement = iota
	sqlUpdateDoc
	sqlMarkDoc
	sqlMarkRun
	sqlSetHistory
	sqlDeleteDoc
	sqlHeadByID
	sqlAnyBetween
	sqlDocByID
	sqlDocsBetween
	sqlBodiesBetween
	sqlHeadsSince
	sqlDocsSince
	sqlHeadsBefore
	sqlScanHeads
	sqlScanDocs
	sqlScanHeadsBack
	sqlScanDocsBack
	sqlConflictsAfter
	sqlCountSince
	sqlCountAllSince
	sqlVersions
	sqlNextExpiry
	sqlExpired
	sqlBlobBodiesSince
	sqlBlobDocsNaming
	sqlKeepHead
	sqlAddKept
	sqlListKept
	sqlKeptBody
	sqlBecomeBase
	sqlDropKept
	sqlDropKeptRow
	sqlKeptBlobBodies
	sqlKnownTo
	numCollStatements
)

// The columns that readDocument expects, without and with the body.
const (
	headColumns = `SELECT seq, id, flags, rev, history, known, expiry, octet_length(body) FROM docs_# `
	docColumns  = `SELECT seq, id, flags, rev, history, known, expiry, body FROM docs_# `
)

// unexpired leaves out documents that have expired and are not purged yet.
const unexpired = `(expiry IS NULL OR expiry > ?)`

// inRange selects a [Range] of IDs. Its last ? is 1 to include tombstones, 0 to leave them out.
const inRange = `WHERE id >= ? AND id < ? AND ` + unexpired + ` AND flags & 1 <= ?`

// atMost limits the rows. SQLite plans a statement anew for each value of a bare LIMIT ?, which takes
// longer than to read a few rows.
const atMost = ` LIMIT ? + 0`

var collStatements = [numCollStatements]string{
	sqlInsertDoc: `INSERT INTO docs_# VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
	sqlUpdateDoc: `UPDATE docs_# SET seq = ?1, flags = ?3, rev = ?4, history = ?5, known = ?6, expiry = ?7, body = ?8
		WHERE id = ?2`,
	sqlKnownTo: `SELECT id, seq FROM docs_#
		WHERE seq > ? AND flags & 2 = 0 AND instr(' ' || replace(known, '=', ' ') || ' ', ?) ORDER BY seq` + atMost,
	sqlMarkDoc:    `UPDATE docs_# SET flags = ?, known = ?, expiry = ? WHERE seq = ?`,
	sqlMarkRun:    `UPDATE docs_# SET known = ? WHERE seq BETWEEN ? AND ? AND known = '' AND flags & 18 = 0`, // neither kept nor conflicted
	sqlSetHistory: `UPDATE docs_# SET history = ?, known = ? WHERE seq = ?`,
	sqlDeleteDoc:  `DELETE FROM docs_# WHERE seq = ?`,

	sqlHeadByID:       headColumns + `WHERE id = ?`,
	sqlAnyBetween:     `SELECT 1 FROM docs_# WHERE id BETWEEN ? AND ? LIMIT 1`,
	sqlDocByID:        docColumns + `WHERE id = ?`,
	sqlDocsBetween:    docColumns + `WHERE seq BETWEEN ? AND ? ORDER BY seq`,
	sqlBodiesBetween:  `SELECT seq, flags, body FROM docs_# WHERE seq BETWEEN ? AND ? AND ` + unexpired + ` ORDER BY seq`,
	sqlHeadsSince:     headColumns + `WHERE seq > ? AND ` + unexpired + ` ORDER BY seq` + atMost,
	sqlDocsSince:      docColumns + `WHERE seq > ? AND ` + unexpired + ` ORDER BY seq` + atMost,
	sqlHeadsBefore:    headColumns + `WHERE seq > ? AND seq < ? AND ` + unexpired + ` ORDER BY seq DESC` + atMost,
	sqlScanHeads:      headColumns + inRange + ` ORDER BY id` + atMost,
	sqlScanDocs:       docColumns + inRange + ` ORDER BY id` + atMost,
	sqlScanHeadsBack:  headColumns + inRange + ` ORDER BY id DESC` + atMost,
	sqlScanDocsBack:   docColumns + inRange + ` ORDER BY id DESC` + atMost,
	sqlConflictsAfter: headColumns + `WHERE flags & 2 AND id > ? AND ` + unexpired + ` ORDER BY id` + atMost,

	sqlCountSince:    `SELECT count(*) FROM docs_# WHERE seq > ?`,
	sqlCountAllSince: `SELECT count(*) FROM docs_# WHERE +seq > ?`, // reads the index of the IDs in place of the bodies

	sqlVersions:   `SELECT rev, history FROM docs_#`,
	sqlNextExpiry: `SELECT min(expiry) FROM docs_# WHERE expiry IS NOT NULL`,
	sqlExpired:    `SELECT id FROM docs_# WHERE expiry IS NOT NULL AND expiry <= ? ORDER BY expiry` + atMost,

	sqlBlobBodiesSince: `SELECT body FROM docs_# WHERE flags & 12 AND seq > ? ORDER BY seq`,

	sqlBlobDocsNaming: docColumns + `WHERE flags & 13 IN (4, 8, 12) AND seq > ? AND ` + unexpired + ` AND
		(instr(body, ?) OR instr(body, '\')) ORDER BY seq` + atMost, // an escape may hide a name

	sqlKeepHead: `INSERT INTO kept_# SELECT id, 0, rev, history, flags & 12, ?, body FROM docs_# WHERE seq = ?
		ON CONFLICT DO NOTHING`,
	sqlAddKept:        `INSERT INTO kept_# VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
	sqlListKept:       `SELECT rowid, remote, rev, history, flags, base FROM kept_# WHERE id = ? ORDER BY remote, rev`,
	sqlKeptBody:       `SELECT body FROM kept_# WHERE rowid = ?`,
	sqlBecomeBase:     `UPDATE OR REPLACE kept_# SET remote = 0, base = '' WHERE rowid = ?`,
	sqlDropKept:       `DELETE FROM kept_# WHERE id = ?`,
	sqlDropKeptRow:    `DELETE FROM kept_# WHERE rowid = ?`,
	sqlKeptBlobBodies: `SELECT body FROM kept_# WHERE flags & 12`,
}
