package sqlite

// schemaVersion is the layout below; a data folder with a newer one is refused, an older
// one is upgraded when it is opened for writing.
const schemaVersion = 5

// schemaGoverning is the first version whose epochs count changes of all governing types,
// and whose facts are the document's alone and have what is inside. In version 1, only
// Consents counted.
const schemaGoverning = 2

// schemaOrdered is the first version whose index has the values by which a search sorts:
// dates by their start, texts without a code, and what has no value.
const schemaOrdered = 3

// schemaInside is the first version whose index has what is inside resources, canonicals with
// their versions, and long texts and URLs.
const schemaInside = 4

// schemaConstrained is the first version whose ix has all of search.Marks; from version 3 on it
// had search.Mark.
const schemaConstrained = 5

// In version 3 the keys of parts are in one file, part.keys, and not in one each. The
// databases have the number so that older programs, which would make new keys, refuse the
// folder.

// The files of a data folder.
const (
	mainFile   = "aceso.db"
	accessFile = "access.db"
	lockFile   = "lock"
	keysFile   = "part.keys"
	keyFolder  = "partkeys" // until schema version 2: a file for each key
)

// metaSchema says whose data a file holds. Small tables that nothing else can be
// compared with carry a checksum of their row, so that a damaged bit is noticed.
const metaSchema = `
CREATE TABLE IF NOT EXISTS meta (
	name  TEXT PRIMARY KEY,
	value TEXT NOT NULL,
	sum   BLOB NOT NULL
) STRICT, WITHOUT ROWID;`

// logSchema holds one append-only log. parts.id is seq<<16 | n, so the parts of
// an entry lie next to each other and no second index is needed.
const logSchema = `
CREATE TABLE IF NOT EXISTS entries (
	seq        INTEGER PRIMARY KEY,
	time       INTEGER NOT NULL,
	agent      TEXT NOT NULL,
	action     TEXT NOT NULL,
	outcome    INTEGER NOT NULL,
	salt       BLOB NOT NULL,
	commitment BLOB NOT NULL,
	entry      BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS entries_time ON entries(time);
CREATE INDEX IF NOT EXISTS entries_agent ON entries(agent);
CREATE TABLE IF NOT EXISTS parts (
	id         INTEGER PRIMARY KEY,
	patient    TEXT NOT NULL,
	target     TEXT NOT NULL,
	key        TEXT NOT NULL,
	erased_by  TEXT NOT NULL,
	salt       BLOB NOT NULL,
	commitment BLOB NOT NULL,
	sealed     BLOB
) STRICT;
CREATE INDEX IF NOT EXISTS parts_patient ON parts(patient);
CREATE TABLE IF NOT EXISTS tiles (
	level INTEGER NOT NULL,
	idx   INTEGER NOT NULL,
	data  BLOB NOT NULL,
	PRIMARY KEY (level, idx)
) STRICT;`

// mainSchema holds resources. versions is append-only: a version's rowid is its
// stamp (milliseconds << 20, made unique by counting on), so newest-first is a scan
// from the table's end; deleted is that of a document, of a tombstone or of what was purged
// (see purgedBy). ix, dates and numbers hold current, undeleted
// versions only; p is the id of a (type, parameter) in names, u what further
// distinguishes a range (unit, or token part of a composite). dates.class is the
// bit length of hi-lo: within a class the interval's width is bounded, so a
// search above a value is a bounded scan of lo. consent_writes has the
// keys (store.Governed) that the change with a consent epoch touched; named has the
// stamps of the versions that name a Binary (store.Names); kept has the rows of store.Kept,
// with expires in milliseconds, 0 for never. plan has the plan of custom search keys, if there
// has been one.
const mainSchema = `
CREATE TABLE IF NOT EXISTS names (
	id   INTEGER PRIMARY KEY,
	type TEXT NOT NULL,
	name TEXT NOT NULL,
	sum  BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS bases (
	id  INTEGER PRIMARY KEY,
	url TEXT NOT NULL,
	sum BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS counters (
	name  TEXT PRIMARY KEY,
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO counters VALUES ('epoch', 0);
CREATE TABLE IF NOT EXISTS resources (
	rid     INTEGER PRIMARY KEY,
	type    INTEGER NOT NULL,
	id      TEXT NOT NULL,
	version INTEGER NOT NULL,
	stamp   INTEGER NOT NULL,
	deleted INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS resources_id ON resources(type, id);
CREATE INDEX IF NOT EXISTS resources_live ON resources(type, deleted);
CREATE TABLE IF NOT EXISTS versions (
	stamp   INTEGER PRIMARY KEY,
	rid     INTEGER NOT NULL,
	version INTEGER NOT NULL,
	type    INTEGER NOT NULL,
	at      INTEGER NOT NULL,
	deleted INTEGER NOT NULL,
	method  TEXT NOT NULL,
	owner   TEXT NOT NULL,
	seq     INTEGER NOT NULL,
	base    INTEGER NOT NULL,
	hash    BLOB NOT NULL,
	sum     BLOB NOT NULL,
	facts   BLOB NOT NULL,
	idx     BLOB,
	body    BLOB
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS versions_rid ON versions(rid, version);
CREATE INDEX IF NOT EXISTS versions_of ON versions(type, stamp, rid);
CREATE TABLE IF NOT EXISTS ix (
	p   INTEGER NOT NULL,
	v   TEXT NOT NULL,
	rid INTEGER NOT NULL,
	PRIMARY KEY (p, v, rid)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dates (
	p     INTEGER NOT NULL,
	u     TEXT NOT NULL,
	class INTEGER NOT NULL,
	lo    INTEGER NOT NULL,
	hi    INTEGER NOT NULL,
	rid   INTEGER NOT NULL,
	PRIMARY KEY (p, u, class, lo, hi, rid)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS numbers (
	p   INTEGER NOT NULL,
	u   TEXT NOT NULL,
	lo  TEXT NOT NULL,
	hi  TEXT NOT NULL,
	rid INTEGER NOT NULL,
	PRIMARY KEY (p, u, lo, hi, rid)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS consent_writes (
	epoch   INTEGER NOT NULL,
	patient TEXT NOT NULL,
	PRIMARY KEY (epoch, patient)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS named (
	binary TEXT NOT NULL,
	stamp  INTEGER NOT NULL,
	PRIMARY KEY (binary, stamp)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS plan (
	id     INTEGER PRIMARY KEY CHECK (id = 1),
	number INTEGER NOT NULL,
	turn   INTEGER NOT NULL,
	state  TEXT NOT NULL,
	sum    BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS kept (
	space   TEXT NOT NULL,
	key     TEXT NOT NULL,
	version INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	value   BLOB NOT NULL,
	sum     BLOB NOT NULL,
	PRIMARY KEY (space, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS kept_expires ON kept(expires);
CREATE TABLE IF NOT EXISTS consents (
	patient TEXT NOT NULL,
	rid     INTEGER NOT NULL,
	PRIMARY KEY (patient, rid)
) STRICT, WITHOUT ROWID;`
